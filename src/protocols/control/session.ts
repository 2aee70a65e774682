/**
 * One client of the control socket: its streams to requests, answers back.
 *
 *   stream ─▶ asking ─▶ working ─▶ answered ─▶ gone
 *                └────▶ watching ─▶ gone                 "events", until the client gives up
 *
 * By direct calls, as streams are; the machine in it only keeps time. A request has to be
 * whole within `requestTimeout`, an answer read within `answerTimeout`, and a client that
 * wants nothing is sent away after `idle` (spec: CONTROL-5, CONTROL-6). A watcher that does not
 * read loses events and is told how many; the node never waits for it.
 *
 * Refuses: more than `requests` at a time, more than `perSecond`, a second message in a request.
 * Page: protocol/control.md · Floor: protocols.
 */
import { Budget } from '../../base/budget.ts'
import { asGuildError, GuildError } from '../../base/errors.ts'
import type { Machine, Millis, Tick } from '../../base/machine.ts'
import { earlier } from '../../base/machine.ts'
import { MessageReader } from '../../streams/messages.ts'
import type { Stream } from '../../streams/stream.ts'
import { streamCodes } from '../../wire/registry.ts'
import {
  type ControlReply,
  type ControlRequest,
  decodeRequest,
  encodeControl,
  REQUEST_MAX,
} from './requests.ts'

export const defaults = {
  requestTimeout: 5_000,
  answerTimeout: 30_000,
  idle: 30_000,
  /** At a time, from one client. */
  requests: 16,
  /** Of those, requests for events: each may hold half a mebibyte that is not read. */
  watchers: 2,
  /** Streams of other protocols: each of blocks may hold some tens of mebibytes. */
  engaged: 8,
  perSecond: 200,
  burst: 400,
} as const

export interface SessionOptions {
  /** Do this; answer by `answer` or `fail`. */
  readonly ask: (id: number, request: ControlRequest) => void
  /** The client does not want it any more. */
  readonly drop: (id: number) => void
  /** Send the client away. */
  readonly close: (error: GuildError) => void
  readonly now: () => Millis
}

interface Task {
  readonly stream: Stream
  readonly reader: MessageReader
  phase: 'asking' | 'working' | 'watching' | 'answered'
  deadline: Millis | undefined
  request: ControlRequest | undefined
  /** Its line is full (`marks` of the stream): events are left out until half of it has left. */
  full: boolean
  dropped: number
}

export class ControlSession implements Machine<Tick, never> {
  readonly #options: SessionOptions
  /** By stream id. */
  readonly #tasks = new Map<number, Task>()
  readonly #budget: Budget
  #idleSince: Millis
  /** Streams of another protocol that the client has open. */
  #engaged = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.#idleSince = options.now()
    this.#budget = new Budget(defaults.perSecond, defaults.burst, this.#idleSince)
  }

  /** A stream of the client. */
  accept(stream: Stream): void {
    const now = this.#options.now()
    this.#sweep()
    if (!this.#budget.spend(1, now)) return this.#options.close(new GuildError('GH_LINK_BUDGET', 'requests'))
    if (this.#tasks.size >= defaults.requests) return stream.abort(streamCodes.LIMIT)
    const task: Task = {
      stream,
      reader: new MessageReader(REQUEST_MAX),
      phase: 'asking',
      deadline: now + defaults.requestTimeout,
      request: undefined,
      full: false,
      dropped: 0,
    }
    this.#tasks.set(stream.id, task)
    stream.handler = {
      readable: () => this.#read(task),
      writable: () => {
        task.full = false
        this.#catchUp(task)
      },
      ended: () => this.#asked(task),
      reset: () => this.#forget(task),
      stopped: () => this.#forget(task),
      closed: () => this.#forget(task),
    }
  }

  /** The client is busy on a stream of another protocol: false where it has too many. */
  engage(): boolean {
    if (this.#engaged >= defaults.engaged || !this.#budget.spend(1, this.#options.now())) return false
    this.#engaged++
    return true
  }

  /** Such a stream is over. */
  disengage(): void {
    this.#engaged--
    this.#idleSince = this.#options.now()
  }

  answer(id: number, value: unknown): void {
    const task = this.#tasks.get(id)
    if (task?.phase !== 'working') return
    this.#write(task, { ok: value })
    if (task.request?.do === 'events') {
      task.phase = 'watching'
      task.deadline = undefined
    } else this.#finish(task)
  }

  fail(id: number, error: GuildError): void {
    const task = this.#tasks.get(id)
    if (task?.phase === 'working') this.#refuse(task, error)
  }

  /** For a client that watches. */
  event(id: number, event: unknown): void {
    const task = this.#tasks.get(id)
    if (task?.phase !== 'watching') return
    if (task.full) task.dropped++
    else this.#write(task, { event })
  }

  handle(_tick: Tick, now: Millis): void {
    this.#sweep()
    for (const task of this.#tasks.values())
      if (task.deadline !== undefined && now >= task.deadline) {
        task.stream.abort(streamCodes.CANCELLED)
        this.#forget(task)
      }
    if (this.#idle && now >= this.#idleSince + defaults.idle)
      this.#options.close(new GuildError('GH_LINK_SILENT', 'a client that wants nothing'))
  }

  poll(): undefined {
    return undefined
  }

  deadline(): Millis | undefined {
    if (this.#idle) return this.#idleSince + defaults.idle
    let next: Millis | undefined
    for (const task of this.#tasks.values()) next = earlier(next, task.deadline)
    return next
  }

  get #idle(): boolean {
    return this.#tasks.size === 0 && this.#engaged === 0
  }

  #read(task: Task): void {
    if (task.phase !== 'asking') return task.stream.stopSending()
    try {
      for (let chunk = task.stream.read(); chunk !== undefined; chunk = task.stream.read()) {
        task.reader.feed(chunk)
        for (let message = task.reader.next(); message !== undefined; message = task.reader.next()) {
          if (task.request !== undefined)
            throw new GuildError('GH_CONTROL_REQUEST', 'two messages on one stream')
          task.request = decodeRequest(message)
        }
      }
    } catch (error) {
      task.stream.stopSending(streamCodes.PROTOCOL)
      this.#refuse(task, asGuildError(error))
    }
  }

  /** The client ended its half: the request is whole. */
  #asked(task: Task): void {
    if (task.phase !== 'asking') return
    if (task.request === undefined || task.reader.partial)
      return this.#refuse(task, new GuildError('GH_CONTROL_REQUEST', 'it ended too early'))
    if (task.request.do === 'events' && this.#watchers() >= defaults.watchers)
      return this.#refuse(task, new GuildError('GH_STREAM_LIMIT', `${defaults.watchers} requests for events`))
    task.phase = 'working'
    task.deadline = undefined
    this.#options.ask(task.stream.id, task.request)
  }

  #watchers(): number {
    return [...this.#tasks.values()].filter(task => task.phase === 'watching').length
  }

  #refuse(task: Task, { code, detail }: GuildError): void {
    this.#write(task, { error: { code, detail } })
    this.#finish(task)
  }

  #finish(task: Task): void {
    task.stream.end()
    task.phase = 'answered'
    task.deadline = this.#options.now() + defaults.answerTimeout
  }

  #catchUp(task: Task): void {
    const { dropped } = task
    if (dropped === 0 || task.phase !== 'watching') return
    task.dropped = 0
    this.#write(task, { dropped })
  }

  #write(task: Task, reply: ControlReply): void {
    if (!task.stream.writeMessage(encodeControl(reply))) task.full = true
  }

  /** Answers that were taken make room. */
  #sweep(): void {
    for (const task of this.#tasks.values())
      if (task.phase === 'answered' && task.stream.finished) this.#forget(task)
  }

  #forget(task: Task): void {
    if (!this.#tasks.delete(task.stream.id)) return
    this.#idleSince = this.#options.now()
    task.stream.abort() // does nothing to a half that has ended
    if (task.phase === 'working' || task.phase === 'watching') this.#options.drop(task.stream.id)
  }
}
