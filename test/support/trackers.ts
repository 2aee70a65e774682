/** Trackers on loopback, and peers that sign: what the tests of both sides share. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { nativeSuite } from '../../src/crypto/native.ts'
import { type ServeTrackerOptions, serveTracker, type TrackerServer } from '../../src/http/tracker/serve.ts'
import { isSignedBy, openRegistrations } from '../../src/node/registrations.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import {
  encodeProof,
  encodeRegistration,
  REGISTER_PATH,
  type Registration,
  SIGNATURE_HEADER,
  signedRegistration,
} from '../../src/wire/tracker.ts'

interface Ends {
  teardown(work: () => Promise<unknown> | unknown): void
}

export interface TestTracker extends TrackerServer {
  readonly url: string
}

export async function startTracker(
  t: Ends,
  options: Partial<ServeTrackerOptions> = {},
): Promise<TestTracker> {
  const server = await serveTracker({
    host: '127.0.0.1',
    port: 0,
    ttlSec: 60,
    isSignedBy,
    openShelf: async () => undefined,
    ...options,
  })
  t.teardown(() => server.stop())
  return Object.assign(server, { url: `http://127.0.0.1:${server.port}` })
}

/** Rows in a file of their own. */
export const shelfAt = (path: string) => ({ openShelf: () => openRegistrations(path) })

/** Somebody with a key. */
export class Signer {
  readonly #identity = nativeSuite.identity(randomBytes(32))
  readonly peerId = peerIdFromKey(this.#identity.publicKey)

  body(more: Partial<Registration> = {}): Uint8Array {
    return encodeRegistration({ peerId: this.peerId, addrs: ['/ip4/192.0.2.7/tcp/8000'], meta: {}, ...more })
  }

  /** The headers that vouch for a body. */
  proof(body: Uint8Array, time = Date.now()): Record<string, string> {
    const signature = this.#identity.sign(signedRegistration(time, body))
    return { [SIGNATURE_HEADER]: encodeProof({ time, signature }) }
  }

  async register(
    url: string,
    more: { body?: Uint8Array; time?: number; headers?: Record<string, string> } = {},
  ): Promise<Got> {
    const body = more.body ?? this.body()
    return await ask(`${url}${REGISTER_PATH}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...this.proof(body, more.time), ...more.headers },
    })
  }
}

export interface Got {
  readonly status: number
  readonly json: Record<string, unknown>
  readonly headers: Headers
}

export async function ask(url: string, init: RequestInit = {}): Promise<Got> {
  const response = await fetch(url, { ...init, headers: { connection: 'close', ...init.headers } })
  const text = await response.text()
  return { status: response.status, json: text === '' ? {} : JSON.parse(text), headers: response.headers }
}

/** Bytes on a plain connection; everything that came until it ended, or was enough. */
export function raw(
  port: number,
  bytes: string | Uint8Array | readonly (string | Uint8Array)[],
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1')
    let text = ''
    const end = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket
      .on('error', error =>
        (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? reject(error) : end(),
      )
      .on('data', part => {
        text += part.toString('latin1')
        if (enough(text)) end()
      })
      .on('close', end)
    for (const part of typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes)
      socket.write(part)
  })
}

/** The statuses of the answers on one connection. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}
