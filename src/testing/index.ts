/**
 * `guild-home/testing`: whole nodes in a simulated network, in virtual time.
 *
 * `simulate` tells a story with a seed; `Simulation` is the world it happens in; a `Host`
 * gives a node its runtime and can crash, pause and come back; `transportContract` checks
 * any transport and `blockstoreContract` any block store, an embedder's too.
 *
 * Floor: testing.
 */
export {
  type BlockstoreCheck,
  blockstoreContract,
  type MadeStore,
  type MakeStore,
} from './blockstore-contract.ts'
export { type DatagramsPair, datagramsContract } from './datagrams-contract.ts'
export type { Disk } from './disk.ts'
export { drawWeather, type Fault, type FaultKind, troubles } from './faults.ts'
export { type Form, type FormOption, formOf, formOptions, formText } from './form.ts'
export type { Host, HostOptions, RuntimeOptions } from './host.ts'
export { calm, type LinkConditions, type Tamper } from './link.ts'
export { Author, type LogBench, type LogCheck, logContract } from './log-contract.ts'
export { type Counts, type NullSuite, nullSuite } from './null-suite.ts'
export { type Seed, SeededRandom, seedOf, seedText } from './random.ts'
export {
  type Outcome,
  play,
  type Report,
  replayCommand,
  type Scenario,
  type SimulateOptions,
  scenario,
  simulate,
} from './scenario.ts'
export { type Nat, Simulation, type SimulationOptions } from './simulation.ts'
export { type Entry, Transcript } from './transcript.ts'
export type { TransportPair } from './transport-bench.ts'
export { type TransportCheck, transportContract } from './transport-contract.ts'
export { type Trouble, type TroubleOptions, trouble } from './trouble.ts'
export { type RunOptions, type Scheduled, World } from './world.ts'
