/** Every test of `streams.test.ts` once more, with packets between the two sides instead of records. */
process.env.GUILD_CARRIER = 'packets'
await import('./streams.test.js')
