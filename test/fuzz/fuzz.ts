/**
 * One decoder under mutated input, and what may never happen to it.
 *
 *   corpus ─▶ mutate ─▶ decode ─▶ refused by its typed error, or accepted
 *                          └────▶ anything else is a failure, minimised and told with its command
 *
 * What is watched (P14): only the typed error escapes · no input takes 50 ms (a slow one is tried
 * three times more, and the fastest counts: the others were the collector's) · the heap after a
 * collection grows by less than 64 MiB · what an input becomes is bounded by its length · what was
 * accepted encodes to the same bytes, or to bytes that mean the same · the input is as it was, and
 * what says that it owns its memory does not change when the input does.
 */
import { isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { concat, equal, toHex } from '../../src/base/bytes.ts'
import { GuildError, WireError } from '../../src/base/errors.ts'
import { Seeded } from '../support/seeded.ts'
import { found } from './found.ts'
import { type Corpus, mutate } from './mutate.ts'

// biome-ignore lint/suspicious/noExplicitAny: values of many decoders, compared and never looked into
export type Value = any

export interface Decoder {
  readonly name: string
  /** Exported functions of `src` that this entry reaches. */
  readonly covers: readonly string[]
  /** Real messages; read once, at the first run. */
  readonly corpus: () => readonly Uint8Array[]
  readonly words?: readonly string[]
  /** It reads text: numbers in it and oddities of Unicode are edited, too. */
  readonly text?: boolean
  /** The longest input. Default 4,096. */
  readonly most?: number
  /** One round: decodes, and throws what the decoder throws. Undefined: accepted, and nothing to compare. */
  readonly decode: (input: Uint8Array) => Value
  /** Gives bytes that `decode` reads. */
  readonly encode?: (value: Value) => Uint8Array
  /** With `encode`: `same` bytes come back, or bytes that `mean` the same. A function decides by the input. */
  readonly form?: 'same' | 'mean' | ((input: Uint8Array) => 'same' | 'mean')
  /** The value shares no memory with the input. */
  readonly owns?: true
  /** Which errors are refusals. Default: WireError. */
  readonly refuses?: (error: unknown) => boolean
  /** It cannot be asked as often as the others: this one does cryptography. */
  readonly share?: number
  /** No mutated input is expected to pass. */
  readonly sealed?: true
  /** What was accepted, by kind: a short run must see each of `kinds`. */
  readonly kindsOf?: (value: Value) => readonly string[]
  readonly kinds?: readonly string[]
}

export interface Failure {
  readonly what: string
  readonly input: Uint8Array
}

export interface Report {
  readonly name: string
  readonly runs: number
  readonly accepted: number
  /** Of decoding alone. */
  readonly seconds: number
  /** Microseconds, and the input that took them. */
  readonly slowest: number
  readonly heapGrowth: number
  readonly kinds: readonly string[]
  readonly failure?: Failure
}

export const SLOW_MS = 50
export const HEAP_MAX: number = 64 * 1024 * 1024
/** Of what an input becomes, in bytes for each byte of it, and for an input of none. */
const GROWTH_MAX = 512
const BASE_MAX = 64 * 1024
/** For making a failure smaller. */
const PATIENCE_MS = 20_000
const COLLECT_EVERY = 50_000
const WEIGH_EVERY = 64

export const onlyWireErrors = (error: unknown): boolean => error instanceof WireError
/** A GuildError of one of these codes. */
export const codesOf =
  (...allowed: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof GuildError && allowed.includes(error.code)

/** Runs the decoder on `runs` inputs drawn from the seed; stops at the first failure. */
export function fuzz(decoder: Decoder, runs: number, seed: number, limitMs = SLOW_MS): Report {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0 // most inputs are refused, and nobody reads where
  try {
    return watched(decoder, runs, seed, limitMs)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

function watched(decoder: Decoder, runs: number, seed: number, limitMs: number): Report {
  const corpus = corpusOf(decoder)
  const dice = new Seeded((seed ^ hash(decoder.name)) >>> 0)
  const kinds = new Set<string>()
  let [accepted, seconds, slowest] = [0, 0, 0]
  const heapBefore = heapAfterCollection()
  let heapGrowth = 0
  let done = 0
  const report = (failure?: Failure): Report => ({
    name: decoder.name,
    runs: done,
    accepted,
    seconds,
    slowest,
    heapGrowth,
    kinds: [...kinds],
    ...(failure === undefined ? {} : { failure }),
  })
  for (const entry of [...found(decoder.name), ...corpus.entries]) {
    const { fault } = round(decoder, entry.slice(), true, kinds, limitMs)
    if (fault !== undefined) return report(minimised(decoder, entry, fault, limitMs))
  }
  while (done < runs) {
    const input = mutate(dice, corpus)
    const { fault, value, ms } = round(decoder, input, done % WEIGH_EVERY === 0, kinds, limitMs)
    done++
    if (fault !== undefined) return report(minimised(decoder, input, fault, limitMs))
    if (value) accepted++
    seconds += ms / 1000
    if (ms * 1000 > slowest) slowest = Math.max(slowest, fastestOf3(decoder, input, ms) * 1000)
    if (done % COLLECT_EVERY === 0 || done === runs) {
      heapGrowth = Math.max(heapGrowth, heapAfterCollection() - heapBefore)
      if (heapGrowth > HEAP_MAX)
        return report({ what: `the heap grew by ${(heapGrowth / 2 ** 20).toFixed(0)} MiB`, input })
    }
  }
  return report()
}

let onInput: ((input: Uint8Array) => void) | undefined

/** Is told of every input before it is decoded: how one that never comes back can be named. */
export function watch(work: (input: Uint8Array) => void): void {
  onInput = work
}

/** What is wrong with this decoder on this input, if anything. */
export function faultOf(decoder: Decoder, input: Uint8Array, limitMs = SLOW_MS): string | undefined {
  return round(decoder, input.slice(), true, new Set(), limitMs).fault
}

interface Round {
  /** True: accepted. */
  readonly value: boolean
  readonly ms: number
  readonly fault?: string
}

function round(
  decoder: Decoder,
  input: Uint8Array,
  weigh: boolean,
  kinds: Set<string>,
  limitMs: number,
): Round {
  onInput?.(input)
  const before = input.slice()
  const began = performance.now()
  let value: Value
  try {
    value = decoder.decode(input)
  } catch (error) {
    const ms = patiently(decoder, input, performance.now() - began, limitMs)
    if (!(decoder.refuses ?? onlyWireErrors)(error))
      return { value: false, ms, fault: `threw ${named(error)}` }
    return { value: false, ms, ...faulty(slow(ms, limitMs) ?? changed(before, input)) }
  }
  const ms = patiently(decoder, input, performance.now() - began, limitMs)
  if (decoder.kindsOf !== undefined) for (const kind of decoder.kindsOf(value)) kinds.add(kind)
  try {
    const fault =
      slow(ms, limitMs) ??
      changed(before, input) ??
      (weigh ? heavy(value, input.length) : undefined) ??
      notTheSame(decoder, value, before) ??
      (decoder.owns === true && value !== undefined ? shared(decoder, value, input) : undefined)
    if (decoder.owns === true) input.set(before)
    return { value: true, ms, ...faulty(fault) }
  } catch (error) {
    return { value: true, ms, fault: `what was accepted cannot be encoded: ${named(error)}` }
  }
}

function faulty(fault: string | undefined): { fault?: string } {
  return fault === undefined ? {} : { fault }
}

function slow(ms: number, limitMs: number): string | undefined {
  return ms > limitMs ? `took ${ms.toFixed(1)} ms` : undefined
}

/** The time it takes: the shortest of four, where the first looks too long. */
function patiently(decoder: Decoder, input: Uint8Array, ms: number, limitMs: number): number {
  return ms > limitMs ? fastestOf3(decoder, input, ms) : ms
}

function fastestOf3(decoder: Decoder, input: Uint8Array, ms: number): number {
  let fastest = ms
  for (let i = 0; i < 3; i++) {
    const began = performance.now()
    try {
      decoder.decode(input)
    } catch {
      // Judged already.
    }
    fastest = Math.min(fastest, performance.now() - began)
  }
  return fastest
}

function changed(before: Uint8Array, input: Uint8Array): string | undefined {
  return equal(before, input) ? undefined : 'changed its input'
}

function notTheSame({ decode, encode, form = 'same' }: Decoder, value: Value, input: Uint8Array) {
  if (encode === undefined || value === undefined) return undefined
  const again = encode(value)
  if ((typeof form === 'function' ? form(input) : form) === 'same')
    return equal(again, input) ? undefined : `encodes to other bytes: ${toHex(again)}`
  const second = decode(again)
  return isDeepStrictEqual(second, value) ? undefined : `means something else once encoded: ${toHex(again)}`
}

/** What was decoded must not look into the input: that memory is the carrier's, and used again. */
function shared({ encode }: Decoder, value: Value, input: Uint8Array): string | undefined {
  const before = encode!(value).slice()
  input.fill(0xa5)
  return equal(encode!(value), before) ? undefined : 'keeps its input'
}

function heavy(value: Value, length: number): string | undefined {
  const most = BASE_MAX + GROWTH_MAX * length
  const weight = weighed(value, most, new Set())
  return weight > most ? `${length} bytes became more than ${most}` : undefined
}

/** Roughly, in bytes; gives up above `most`. */
function weighed(value: unknown, most: number, seen: Set<object>): number {
  if (typeof value === 'string') return 2 * value.length
  if (typeof value !== 'object' || value === null) return 8
  if (seen.has(value)) return 0
  seen.add(value)
  if (ArrayBuffer.isView(value)) return value.byteLength
  let sum = 32
  const plain = value instanceof Map || value instanceof Set ? [...value].flat() : Object.values(value)
  for (const part of plain) {
    sum += 16 + weighed(part, most - sum, seen)
    if (sum > most) return sum
  }
  return sum
}

/** The same fault, in fewer bytes and plainer ones. */
function minimised(decoder: Decoder, input: Uint8Array, what: string, limitMs: number): Failure {
  const kind = (fault: string | undefined): string | undefined => fault?.slice(0, 24)
  const still = (shorter: Uint8Array): boolean => kind(faultOf(decoder, shorter, limitMs)) === kind(what)
  let best: Uint8Array = input.slice()
  let tries = 0
  const until = performance.now() + PATIENCE_MS
  const goOn = (most: number): boolean => tries++ < most && performance.now() < until
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < best.length && goOn(3_000); ) {
      const shorter = concat(best.subarray(0, at), best.subarray(Math.min(best.length, at + size)))
      if (still(shorter)) best = shorter
      else at += size
    }
  for (let at = 0; at < best.length && goOn(5_000); at++) {
    const plainer = best.slice()
    plainer[at] = decoder.text === true ? 0x61 : 0
    if (plainer[at] !== best[at] && still(plainer)) best = plainer
  }
  return { what: faultOf(decoder, best, limitMs) ?? what, input: best }
}

const corpora = new Map<string, Corpus>()

function corpusOf(decoder: Decoder): Corpus {
  let corpus = corpora.get(decoder.name)
  if (corpus === undefined) {
    const most = decoder.most ?? 4_096
    const entries = decoder.corpus().map(entry => entry.slice(0, most))
    if (entries.length === 0) throw new Error(`${decoder.name} has no corpus`)
    const words = (decoder.words ?? []).map(word => new TextEncoder().encode(word))
    corpus = { entries, words, text: decoder.text === true, most }
    corpora.set(decoder.name, corpus)
  }
  return corpus
}

function named(error: unknown): string {
  if (error instanceof GuildError) return `${error.name} ${error.code} ${error.detail}`
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

let collect: (() => void) | undefined

function heapAfterCollection(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  return process.memoryUsage().heapUsed
}
