/**
 * The congestion controllers, by name.
 *
 *   bbr       measures the path (the default)
 *   cubic     does as most of TCP does
 *   newreno   the simple twin
 *
 * Page: protocol/congestion.md (spec: CC-1) · Floor: packets.
 */
import { Bbr } from './bbr.ts'
import type { Congestion, CongestionName, CongestionOptions } from './controller.ts'
import { Cubic } from './cubic.ts'
import { NewReno } from './newreno.ts'

export type { AckEvent, Congestion, CongestionOptions, LossEvent, RoundTrips } from './controller.ts'

export { type CongestionName, congestionNames } from './controller.ts'

export function createCongestion(name: CongestionName, options: CongestionOptions): Congestion {
  switch (name) {
    case 'bbr':
      return new Bbr(options)
    case 'cubic':
      return new Cubic(options)
    case 'newreno':
      return new NewReno(options)
  }
}
