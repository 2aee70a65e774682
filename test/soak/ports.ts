/** Ports that nobody takes by chance: the system gives outgoing connections others. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** So many ports on 127.0.0.1 below those the system hands out, free at this moment. */
export async function freeRange(count: number): Promise<number[]> {
  const ports: number[] = []
  const first = firstEphemeral()
  // Where to begin is up to chance, for two soaks may run on one machine.
  const begin = first - 10_000 + Math.floor(Math.random() * 8_000)
  for (let port = begin; ports.length < count && port < first; port++)
    if (await isFree(port)) ports.push(port)
  if (ports.length < count) throw new Error(`there are no ${count} free ports from ${begin} on`)
  return ports
}

function firstEphemeral(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10)
  } catch {
    return 32_768
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
