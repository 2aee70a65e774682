/**
 * The same happenings for programs: one JSON object per line.
 *
 *   {"event":"chat-message","from":"12D3KooW…","name":"bob","message":"hello","time":"2026-01-31T15:04:40.123Z"}
 *
 * JSON.stringify escapes control characters below space, so a line is a line whatever a
 * peer sends. What else some readers take for a line end, some terminals for an escape
 * sequence (U+009B), or hides or turns text is escaped too, for lines are also read by people.
 *
 * Floor: cli. Page: README.md. Faults: CL-03.
 */
import type { NodeMessage } from './api.ts'

/** One event, with the time it was shown. */
export function jsonLine(message: NodeMessage, at: Date): string {
  return json({ ...message, time: at.toISOString() })
}

/** Any answer as one line. An absent figure is null, so that each row has the same keys. */
export function json(value: object): string {
  return JSON.stringify(value, (_, field: unknown) => (field === undefined ? null : field)).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
