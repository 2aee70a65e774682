/**
 * The control socket of a running node: other processes of this user ask and steer it.
 *
 *   pipe ─▶ plain link ─▶ streams ─▶ session ─ ask ─▶ this file ─▶ the mesh
 *
 * Who may open the file may do everything the owner may: the permissions are the proof
 * (decision 19). Whatever a client does ends that client and nothing else. A socket that cannot
 * be made is told as an `error`, and the node runs without it: it is there to serve people who
 * look, and a disk that knows no sockets must not keep a mesh from its member.
 *
 * Page: protocol/control.md · Floor: node.
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Pipe } from '../base/ports.ts'
import { closeCodeOf } from '../link/link-end.ts'
import { checkChatText } from '../protocols/chat/chat.ts'
import {
  CONTROL_BLOCKS_PROTOCOL,
  CONTROL_PROTOCOL,
  type ControlRequest,
} from '../protocols/control/requests.ts'
import { ControlSession, defaults } from '../protocols/control/session.ts'
import { Router } from '../router/router.ts'
import { prepareControlPath } from '../store/control-path.ts'
import { type LocalListener, listenLocal } from '../transport/local.ts'
import { parseAddress } from '../wire/address.ts'
import { closeCodes, streamCodes } from '../wire/registry.ts'
import type { NodeContents } from './blocks/node-contents.ts'
import type { Config } from './config.ts'
import type { DirectMessages } from './direct-messages.ts'
import type { Happenings } from './emitter.ts'
import { GuildStream } from './guild-stream.ts'
import type { NodeLog } from './log/lazy-log.ts'
import type { Mesh } from './mesh.ts'
import { PlainConnection } from './plain-connection.ts'
import type { NodeStatus } from './types.ts'
import { statsOf } from './views.ts'

/** At a time; one more is sent away. One that does not read holds a few mebibytes at worst. */
const CLIENTS_MAX = 32

export interface ControlSurroundings {
  readonly config: Config
  readonly mesh: Mesh
  readonly happenings: Happenings
  readonly direct: DirectMessages
  readonly contents: NodeContents
  readonly log: NodeLog
  /** Absolute, and its lock is held. */
  readonly dataDir: string
}

/** A companion of the mesh (`companions.ts`). */
export class ControlSocket {
  readonly #around: ControlSurroundings
  readonly #clients = new Set<Client>()
  readonly #startedAt: number
  #listener: LocalListener | undefined

  constructor(around: ControlSurroundings) {
    this.#around = around
    this.#startedAt = around.mesh.drive.now()
  }

  async start(): Promise<void> {
    const { dataDir, mesh } = this.#around
    try {
      this.#listener = await listenLocal({
        path: prepareControlPath(dataDir),
        onPipe: pipe => this.#welcome(pipe),
        onError: error => mesh.fault(error),
      })
    } catch (error) {
      mesh.fault(asGuildError(error, 'GH_CONTROL_FAILED'))
    }
  }

  async stop(): Promise<void> {
    this.#listener?.close()
    for (const client of this.#clients) client.leave()
    // Their last words are with the system after this turn; it delivers them without us.
    await new Promise(resolve => setImmediate(resolve))
    for (const client of this.#clients) client.pipe.destroy()
    this.#clients.clear()
  }

  #welcome(pipe: Pipe): void {
    if (this.#clients.size >= CLIENTS_MAX) return pipe.destroy()
    const client = new Client(pipe, this.#around, {
      status: () => this.#status(),
      gone: () => this.#clients.delete(client),
    })
    this.#clients.add(client)
  }

  #status(): NodeStatus {
    const { mesh, happenings, config, contents } = this.#around
    return {
      peerId: mesh.peerId,
      name: mesh.name,
      addresses: mesh.addresses,
      port: mesh.port,
      uptimeSeconds: (mesh.drive.now() - this.#startedAt) / 1000,
      maxPeers: config.maxPeers,
      peers: mesh.peers(),
      stats: statsOf(mesh, contents, happenings),
    }
  }
}

interface House {
  status(): NodeStatus
  gone(): void
}

class Client {
  readonly pipe: Pipe
  readonly #around: ControlSurroundings
  readonly #house: House
  readonly #connection: PlainConnection
  readonly #session: ControlSession
  /** Work under way, by stream: how to call it off. */
  readonly #underway = new Map<number, () => void>()

  constructor(pipe: Pipe, around: ControlSurroundings, house: House) {
    const { drive } = around.mesh
    this.pipe = pipe
    this.#around = around
    this.#house = house
    this.#session = new ControlSession({
      ask: (id, request) => this.#ask(id, request),
      drop: id => this.#drop(id),
      close: error => this.#connection.feed({ kind: 'close', code: closeCodeOf(error), error }),
      now: () => drive.now(),
    })
    const kept = drive.run(this.#session, () => {})
    const router = new Router()
    router.handle(CONTROL_PROTOCOL, stream => {
      this.#session.accept(stream)
      kept.rearm()
    })
    router.handle(CONTROL_BLOCKS_PROTOCOL, stream => {
      if (!this.#session.engage()) return stream.abort(streamCodes.LIMIT)
      kept.rearm()
      this.#blocks(new GuildStream(stream, CONTROL_BLOCKS_PROTOCOL, '')).finally(() => {
        this.#session.disengage()
        kept.rearm()
      })
    })
    this.#connection = new PlainConnection({
      pipe,
      drive,
      client: false,
      onStream: stream => router.route(stream, ''),
      onEnded: () => {
        kept.stop()
        for (const id of [...this.#underway.keys()]) this.#drop(id)
      },
      onGone: () => house.gone(),
    })
  }

  leave(): void {
    const error = new GuildError('GH_LINK_CLOSED', 'the node stops')
    this.#connection.feed({ kind: 'close', code: closeCodes.GOODBYE, error })
  }

  async #blocks(stream: GuildStream): Promise<void> {
    const { contents, mesh } = this.#around
    const late = new AbortController()
    const cancel = mesh.drive.after(defaults.requestTimeout, () => late.abort())
    try {
      const { serveBlocks } = await import('./blocks/control-blocks.ts')
      await serveBlocks(stream, contents.blocks, late.signal)
      if (!stream.closed) await new Promise(resolve => stream.once('close', resolve))
    } finally {
      cancel()
    }
  }

  #ask(id: number, request: ControlRequest): void {
    const abort = new AbortController()
    this.#underway.set(id, () => abort.abort())
    this.#answer(id, request, abort.signal).then(
      value => this.#settled(id, request, () => this.#session.answer(id, value)),
      error => this.#settled(id, request, () => this.#session.fail(id, asGuildError(error))),
    )
  }

  #settled(id: number, request: ControlRequest, tell: () => void): void {
    if (!this.#underway.has(id)) return
    if (request.do !== 'events') this.#underway.delete(id)
    tell()
  }

  async #answer(id: number, request: ControlRequest, signal: AbortSignal): Promise<unknown> {
    const { mesh, happenings, direct } = this.#around
    switch (request.do) {
      case 'status':
        return this.#house.status()
      case 'connect': {
        const peerId = await mesh.connect(parseAddress(request.address), signal)
        const peer = mesh.peers().find(one => one.peerId === peerId)
        if (peer === undefined) throw new GuildError('GH_LINK_CLOSED', `${peerId} left again`)
        return peer
      }
      case 'send': {
        const { text, to } = request
        if (to === undefined) {
          checkChatText(text)
          mesh.say(text)
          return { peers: mesh.membership.linkCount }
        }
        const { peerId, name } = await direct.send(to, text, signal)
        return { peerId, name }
      }
      case 'events': {
        const stop = happenings.watch(event => this.#session.event(id, event))
        this.#underway.set(id, stop)
        return {}
      }
      default: {
        const { answerLog } = await import('./log/control-log.ts')
        return await answerLog(this.#around.log, request, signal)
      }
    }
  }

  #drop(id: number): void {
    const stop = this.#underway.get(id)
    this.#underway.delete(id)
    stop?.()
  }
}
