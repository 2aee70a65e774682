/**
 * The state tables of `src/`, each drawn as `protocol/states/<name>.mmd`.
 *
 * A test finds every exported table and fails when one is not listed here.
 */
import type { StateTable } from '../../src/base/states.ts'
import { lineLink } from '../../src/link/line-link.ts'
import { liveness } from '../../src/membership/liveness.ts'
import { bbrStates } from '../../src/packets/congestion/bbr-states.ts'
import { packetConnection } from '../../src/packets/connection.ts'
import { path } from '../../src/packets/paths.ts'
import { receiving } from '../../src/streams/receive-half.ts'
import { sending } from '../../src/streams/send-half.ts'

export const stateTables: Readonly<Record<string, StateTable>> = {
  bbr: bbrStates,
  'line-link': lineLink,
  liveness,
  'packet-connection': packetConnection,
  path,
  receiving,
  sending,
}
