/**
 * Hosts of their own for tests: network namespaces on a bridge, with nothing beyond it.
 *
 *   host "a" ─ eth0 ─┐
 *   host "b" ─ eth0 ─┼─ br0       all inside one user, mount and network namespace
 *   host "c" ─ eth0 ─┘
 *
 * A shell in `unshare -Urnm` holds the outer namespace. When it ends, by `close` or
 * because the test died, everything in it is gone: no cleaning up, and nothing that could
 * leak out, as no link leads out. Programs of a host end with the test too.
 *
 * Linux with iproute2 and user namespaces only: `Lab.open` says why where it cannot.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

const enter = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up && echo open && exec cat'
const tools = ['unshare', 'nsenter', 'setpriv', 'ip']

/** IPv6 addresses are usable at once, and the bridge passes on every multicast. */
const settings = ['net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0']

export interface HostOptions {
  /** With prefix: `192.168.1.10/24`. None: link-local IPv6 alone. */
  readonly addresses: readonly string[]
  readonly ipv6?: boolean
  /** Hosts on different ones never meet. Default `br0`. */
  readonly bridge?: string
}

export class Lab {
  readonly #shell: ChildProcess
  readonly #bridges = new Set<string>()

  private constructor(shell: ChildProcess) {
    this.#shell = shell
  }

  /** A lab, or the reason why there is none. */
  static async open(): Promise<Lab | { readonly skip: string }> {
    if (process.platform !== 'linux') return { skip: 'network namespaces are a thing of Linux' }
    for (const tool of tools)
      if (spawnSync(tool, ['--version']).error !== undefined) return { skip: `there is no ${tool} here` }
    const shell = spawn('unshare', ['-Urnm', 'sh', '-c', enter], { stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    shell.stderr!.setEncoding('utf8').on('data', text => {
      said += text
    })
    const opened = await Promise.race([
      once(shell.stdout!, 'data').then(() => true),
      once(shell, 'close').then(() => false),
    ])
    if (!opened) return { skip: `network namespaces are not allowed here: ${said.trim()}` }
    const lab = new Lab(shell)
    try {
      lab.#ip('netns', 'add', 'probe')
      return lab
    } catch (error) {
      await lab.close()
      return { skip: `network namespaces are not allowed here: ${(error as Error).message}` }
    }
  }

  /** Adds a host to the bridge. */
  host(name: string, { addresses, ipv6 = true, bridge = 'br0' }: HostOptions): void {
    if (!this.#bridges.has(bridge)) {
      this.#ip('link', 'add', bridge, 'type', 'bridge', 'mcast_snooping', '0')
      this.#ip('link', 'set', bridge, 'up')
      this.#bridges.add(bridge)
    }
    this.#ip('netns', 'add', name)
    for (const setting of [...settings, `net.ipv6.conf.all.disable_ipv6=${ipv6 ? 0 : 1}`])
      this.#run(['ip', 'netns', 'exec', name, 'sh', '-c', sysctl(setting)])
    this.#ip('link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    this.#ip('link', 'set', `to-${name}`, 'master', bridge, 'up')
    for (const address of addresses) this.ip(name, 'addr', 'add', address, 'dev', 'eth0')
    this.ip(name, 'link', 'set', 'lo', 'up')
    this.ip(name, 'link', 'set', 'eth0', 'up')
  }

  /** `ip …` on a host. */
  ip(host: string, ...args: readonly string[]): string {
    return this.#ip('-n', host, ...args)
  }

  /** The words that run a program on a host, to put before it. */
  on(host: string): string[] {
    return [...this.#inside(), 'ip', 'netns', 'exec', host, 'setpriv', '--pdeathsig', 'KILL']
  }

  async close(): Promise<void> {
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return
    const gone = once(this.#shell, 'close')
    this.#shell.stdin!.end()
    await gone
  }

  #inside(): string[] {
    return ['nsenter', '-t', String(this.#shell.pid), '-U', '--preserve-credentials', '-m', '-n']
  }

  #ip(...args: readonly string[]): string {
    return this.#run(['ip', ...args])
  }

  #run(words: readonly string[]): string {
    const [program, ...args] = [...this.#inside(), ...words]
    const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr.trim()}`)
    return stdout
  }
}

/** Not every machine has the program. */
function sysctl(setting: string): string {
  const [name, value] = setting.split('=')
  return `echo ${value} > /proc/sys/${name!.replaceAll('.', '/')}`
}
