/**
 * The UDP proxy in a process of its own, so that it takes no time from those it stands between.
 *
 *   const proxy = await startUdpProxy({ seed: 1, target, conditions: { delay: 20, loss: 0.01 } })
 *   … dial 127.0.0.1:proxy.port instead of the target
 *   await proxy.rebind('port')
 *
 * It ends with the channel to whoever started it, by a crash too.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LinkConditions } from '../../src/testing/index.ts'
import { type ProxyCounts, type ProxyOptions, UdpProxy, type Way } from './udp-proxy.ts'

type Question =
  | { readonly do: 'start'; readonly options: ProxyOptions }
  | { readonly do: 'weather'; readonly conditions: Partial<LinkConditions>; readonly ways?: readonly Way[] }
  | { readonly do: 'rebind'; readonly to: 'port' | 'address' }
  | { readonly do: 'counts' }

interface Answer {
  readonly port: number
  readonly counts: ProxyCounts
  /** CPU seconds used so far. */
  readonly cpu: number
}

export class ProxyProcess {
  readonly #child: ChildProcess
  readonly port: number
  #asked: Promise<unknown> = Promise.resolve()

  /** Use `startUdpProxy`. */
  constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  async weather(conditions: Partial<LinkConditions>, ways?: readonly Way[]): Promise<void> {
    await this.#ask({ do: 'weather', conditions, ...(ways === undefined ? {} : { ways }) })
  }

  async rebind(to: 'port' | 'address'): Promise<void> {
    await this.#ask({ do: 'rebind', to })
  }

  async counts(): Promise<ProxyCounts & { readonly cpu: number }> {
    const { counts, cpu } = await this.#ask({ do: 'counts' })
    return { ...counts, cpu }
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.disconnect()
    await gone
  }

  /** One question at a time: answers carry no number. */
  #ask(question: Question): Promise<Answer> {
    const answer = this.#asked.then(() => ask(this.#child, question))
    this.#asked = answer.catch(() => {})
    return answer
  }
}

export async function startUdpProxy(options: ProxyOptions): Promise<ProxyProcess> {
  const child = fork(fileURLToPath(import.meta.url), [], { serialization: 'advanced' })
  const { port } = await ask(child, { do: 'start', options })
  return new ProxyProcess(child, port)
}

function ask(child: ChildProcess, question: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`the proxy ended with ${code}`))
    child.once('exit', gone)
    child.once('message', answer => {
      child.off('exit', gone)
      resolve(answer as Answer)
    })
    child.send(question)
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let proxy: UdpProxy | undefined
  process.once('disconnect', () => process.exit(0))
  process.on('message', async (question: Question) => {
    if (question.do === 'start') proxy = await UdpProxy.start(question.options)
    else if (question.do === 'weather') proxy!.weather(question.conditions, question.ways)
    else if (question.do === 'rebind') await proxy!.rebind(question.to)
    const used = process.cpuUsage()
    const answer: Answer = {
      port: proxy!.port,
      counts: proxy!.counts(),
      cpu: (used.user + used.system) / 1e6,
    }
    process.send!(answer)
  })
}
