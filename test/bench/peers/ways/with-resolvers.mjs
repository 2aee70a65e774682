/**
 * `Promise.withResolvers`, which libp2p 3 calls and Node 20 lacks. Imported before it.
 */
Promise.withResolvers ??= () => {
  /** @type {any} */
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}
