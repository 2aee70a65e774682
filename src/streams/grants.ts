/**
 * What a side grants before anything was said: from the parameters of its HELLO.
 *
 * A parameter that is absent means the number of `wire/limits.ts`. Later grants are
 * absolute and come in MAX_STREAMS, MAX_STREAM_DATA and MAX_DATA.
 *
 * Page: protocol/streams.md · Floor: streams.
 */
import { limits } from '../wire/limits.ts'
import type { Parameters } from '../wire/parameters.ts'
import { parameters as ids } from '../wire/registry.ts'

export interface Grants {
  /** Streams the other side may have opened. */
  readonly streams: number
  /** First window of a stream, in bytes. */
  readonly streamWindow: number
  /** First window of the link, in bytes. */
  readonly linkWindow: number
}

export const defaultGrants: Grants = {
  streams: limits.streams,
  streamWindow: limits.streamWindow,
  linkWindow: limits.linkWindow,
}

/** What the sender of these parameters grants. */
export function grantsOf(parameters: Parameters): Grants {
  return {
    streams: parameters.get(ids.MAX_STREAMS) ?? defaultGrants.streams,
    streamWindow: parameters.get(ids.STREAM_WINDOW) ?? defaultGrants.streamWindow,
    linkWindow: parameters.get(ids.LINK_WINDOW) ?? defaultGrants.linkWindow,
  }
}

/** The parameters that say these grants; the usual ones are not sent. */
export function parametersOf(grants: Grants): Map<number, number> {
  const out = new Map<number, number>()
  if (grants.streamWindow !== defaultGrants.streamWindow) out.set(ids.STREAM_WINDOW, grants.streamWindow)
  if (grants.linkWindow !== defaultGrants.linkWindow) out.set(ids.LINK_WINDOW, grants.linkWindow)
  if (grants.streams !== defaultGrants.streams) out.set(ids.MAX_STREAMS, grants.streams)
  return out
}
