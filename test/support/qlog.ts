/** A log read back: its texts, and where they breach the schema. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'
import { breaches, type Schema } from './schema.ts'

const schema: Schema = JSON.parse(readFileSync(join(root, 'test/node/qlog.schema.json'), 'utf8'))

export interface LoggedFrame {
  readonly frame_type: string
  readonly [field: string]: unknown
}

export interface LoggedEvent {
  readonly time: number
  readonly name: string
  readonly data: {
    readonly header?: { readonly packet_number: number }
    readonly raw?: { readonly length: number }
    readonly frames?: readonly LoggedFrame[]
    readonly [field: string]: unknown
  }
}

export interface Logged {
  readonly header: unknown
  readonly events: readonly LoggedEvent[]
}

/** RFC 7464: each text behind a record separator, and a line feed behind it. */
export function readLog(path: string): Logged {
  const text = readFileSync(path, 'utf8')
  if (!text.startsWith('\u001e') || !text.endsWith('\n')) throw new Error(`${path} is no sequence`)
  const [header, ...events] = text.slice(1).split('\u001e')
  return {
    header: JSON.parse(header!) as unknown,
    events: events.map(one => JSON.parse(one) as LoggedEvent),
  }
}

const under = (value: unknown, name: string): string[] => {
  const part = (schema.$defs as Record<string, Schema>)[name]
  return part === undefined ? [`nothing is said of ${name}`] : breaches(value, part, schema)
}

export function faultsOfLog({ header, events }: Logged): string[] {
  return [...under(header, 'file'), ...faultsOfEvents(events)]
}

export function faultsOfEvents(events: readonly LoggedEvent[]): string[] {
  let before = 0
  return events.flatMap((event, i) => {
    const { data, ...record } = event
    const faults = [...under(record, 'record'), ...under(data, `event.${event.name}`)]
    for (const frame of data.frames ?? []) faults.push(...under(frame, `frame.${frame.frame_type}`))
    if (event.time < before) faults.push(`time goes back to ${event.time}`)
    before = event.time
    return faults.map(fault => `${i} ${event.name}: ${fault}`)
  })
}

/** Those of one name, and their data. */
export function dataOf(log: Logged, name: string): LoggedEvent['data'][] {
  return log.events.filter(one => one.name === name).map(one => one.data)
}
