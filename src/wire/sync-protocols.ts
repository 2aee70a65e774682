/**
 * What the protocols of sync are called: apart, so that a node can answer to the names before it has
 * loaded what speaks them.
 *
 * Page: protocol/sync.md · Floor: wire.
 */
export const SYNC_PULL_PROTOCOL = '/guild/sync-pull/1.0.0'
export const ENTRIES_PUSH_PROTOCOL = '/guild/entries-push/1.0.0'
