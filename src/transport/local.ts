/**
 * Pipes within this machine: a Unix socket in the file system.
 *
 *   listen   private directory ─▶ bind ─▶ chmod 0600 ─▶ rename to its name      never open to others
 *   dial     connect ─▶ paused until attached
 *
 * Between `bind` and `chmod` a socket has the rights of the umask; bound in a directory of 0700
 * and renamed when it is ready, it is nobody else's for a moment. The rename also takes the
 * place of a socket that a crash left behind. Whoever listens must know that nobody else
 * lives there (the lock of the data directory says so).
 *
 * Refuses: a path above what the system takes (Node would cut it silently), anything in its
 * place that is not a socket.
 *
 * Page: protocol/control.md (spec: CONTROL-1) · Floor: transport (shell).
 */
import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Endpoint, Pipe, PipeEvents } from '../base/ports.ts'
import { systemCode } from './errors.ts'

/** Bytes: sun_path holds 104 on macOS and 108 on Linux, and the name while binding is no longer. */
export const LOCAL_PATH_MAX = 100

export interface LocalListener {
  /** Stops listening and removes the socket, when it is still ours. */
  close(): void
}

export interface LocalListenOptions {
  readonly path: string
  readonly onPipe: (pipe: Pipe) => void
  /** After it listened: it broke. */
  readonly onError: (error: GuildError) => void
}

export async function listenLocal({ path, onPipe, onError }: LocalListenOptions): Promise<LocalListener> {
  checkLength(path)
  let private_: string | undefined
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.on('connection', socket => onPipe(new LocalPipe(socket)))
  try {
    const before = lstatSync(path, { throwIfNoEntry: false })
    if (before !== undefined && !before.isSocket())
      throw new GuildError('GH_CONTROL_FAILED', `${path}: something else has this name; move it away`)
    private_ = mkdtempSync(join(dirname(path), '.c'))
    const binding = join(private_, 's')
    await bound(server, binding)
    chmodSync(binding, 0o600)
    const { ino } = lstatSync(binding)
    renameSync(binding, path)
    server.on('error', error => onError(failed(error, path)))
    return {
      close() {
        server.close()
        try {
          if (lstatSync(path).ino === ino) unlinkSync(path)
        } catch {
          // Somebody tidied up before us.
        }
      },
    }
  } catch (error) {
    server.close()
    throw failed(error, path)
  } finally {
    if (private_ !== undefined) rmSync(private_, { recursive: true, force: true })
  }
}

export function dialLocal(path: string, signal: AbortSignal): Promise<Pipe> {
  checkLength(path)
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new GuildError('GH_ABORTED', path, { cause: signal.reason }))
    const socket = connect({ path, allowHalfOpen: true })
    socket.pause()
    const settle = (): void => {
      signal.removeEventListener('abort', aborted)
      socket.off('error', broke)
      socket.off('connect', connected)
      socket.on('error', () => {})
    }
    const aborted = (): void => {
      settle()
      socket.destroy()
      const late = signal.reason instanceof Error && signal.reason.name === 'TimeoutError'
      reject(
        late
          ? new GuildError('GH_CONTROL_FAILED', `${path}: no answer`)
          : new GuildError('GH_ABORTED', path, { cause: signal.reason }),
      )
    }
    const broke = (error: Error): void => {
      settle()
      reject(failed(error, path))
    }
    const connected = (): void => {
      settle()
      resolve(new LocalPipe(socket))
    }
    signal.addEventListener('abort', aborted)
    socket.on('error', broke)
    socket.on('connect', connected)
  })
}

function bound(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function checkLength(path: string): void {
  const { length } = utf8(path)
  if (length > LOCAL_PATH_MAX)
    throw new GuildError('GH_CONTROL_FAILED', `${path}: ${length} bytes, at most ${LOCAL_PATH_MAX}`)
}

function failed(error: unknown, path: string): GuildError {
  if (error instanceof GuildError) return error
  const code = systemCode(error)
  const why = error instanceof Error ? error.message : String(error)
  return new GuildError('GH_CONTROL_FAILED', `${path}${code === undefined ? `: ${why}` : ` (${code})`}`, {
    cause: error,
  })
}

const here: Endpoint = { host: 'localhost', port: 0 }

class LocalPipe implements Pipe {
  readonly transport = 'local'
  readonly local: Endpoint = here
  readonly remote: Endpoint = here
  readonly #socket: Socket
  #error: Error | undefined
  #attached = false
  #paused = false
  #destroyed = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', error => {
      this.#error ??= error
    })
  }

  get buffered(): number {
    return this.#destroyed ? 0 : this.#socket.writableLength
  }

  attach(events: PipeEvents): void {
    const socket = this.#socket
    const alive = (tell: () => void) => (): void => {
      if (!this.#destroyed) tell()
    }
    socket.on('data', bytes => {
      if (!this.#destroyed) events.data(bytes)
    })
    socket.on(
      'drain',
      alive(() => events.drain()),
    )
    socket.on(
      'end',
      alive(() => events.end()),
    )
    const closed = (): void => events.close(this.#destroyed ? undefined : this.#error)
    if (socket.closed) setImmediate(closed)
    else socket.on('close', closed)
    this.#attached = true
    // A socket begins to read a tick after `resume`, whatever was said in between.
    socket.on('resume', () => {
      if (this.#paused) socket.pause()
    })
    if (!this.#paused) socket.resume()
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (this.#destroyed || socket.destroyed || socket.writableEnded) return false
    let more = true
    socket.cork()
    for (const chunk of chunks) more = socket.write(chunk)
    socket.uncork()
    return more
  }

  end(): void {
    if (!this.#destroyed && !this.#socket.destroyed) this.#socket.end()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#attached) this.#socket.resume()
  }

  destroy(): void {
    this.#destroyed = true
    this.#socket.destroy()
  }
}
