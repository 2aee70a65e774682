/**
 * Two members who mean well, under strain: keys that change while busy, dials that cross, and one who
 * stands between them.
 */
import { randomBytes } from 'node:crypto'
import type { Figure } from './report.ts'
import { type Flood, sleep } from './scene.ts'

/** A key is good for 120 s: at this pace, for 20 ms. */
const PACE = 6_000

export const rekeys: Flood = {
  name: 'rekeys',
  codes: 'HS-17 P6',
  async run(scene, full) {
    await scene.start()
    const { victim, peerId } = scene
    const honest = await scene.honest()
    const wanted = full ? 1_000 : 50
    await victim.ask('begin', {})
    await honest.ask('pace', { times: PACE })
    await victim.ask('pace', { times: PACE })
    const echo = { sent: 0, same: true }
    let keys = 0
    for (let rounds = 0; rounds < 6 && keys < 2 * wanted; rounds++) {
      const { sent, same } = await honest.ask('echo', { peerId, ms: wanted * 22 + 100 })
      echo.sent += sent
      echo.same &&= same
      keys = (await victim.ask('figures', {})).rekeys
    }
    await victim.ask('pace', { times: 1 })
    await honest.ask('pace', { times: 1 })
    const { rekeys: there, sessions, peers, dhs } = await victim.ask('figures', {})
    const { rekeys: here } = await honest.ask('rekeys', {})
    return [
      // Each side counts the key it seals with and the key it opens with.
      { name: 'keys that followed another, both ways', value: there, unit: '', least: 2 * wanted },
      { name: 'as the other side counts', value: here, unit: '', least: there - 2, most: there + 2 },
      { name: 'bytes sent and sent back meanwhile', value: echo.sent, unit: '', least: wanted * 5_000 },
      { name: 'they came back as they were', value: Number(echo.same), unit: '', least: 1 },
      { name: 'links', value: sessions, unit: '', least: 1, most: 1 },
      { name: 'peers', value: peers, unit: '', least: 1 },
      { name: 'Diffie-Hellmans', value: dhs, unit: '' },
    ]
  },
}

export const dials: Flood = {
  name: 'dials',
  codes: 'P7 HS-16',
  async run(scene, full) {
    await scene.start()
    const { swarmKey, where, victim } = scene
    const [a, b] = [await scene.honest(false), await scene.honest(false)]
    const rounds = full ? 1_000 : 20
    let [one, same, crossed] = [0, 0, 0]
    for (let round = 0; round < rounds; round++) {
      const [atA, atB] = await Promise.all([a.ask('newNode', { swarmKey }), b.ask('newNode', { swarmKey })])
      const ends = await Promise.all([
        a.ask('dial', { address: `127.0.0.1:${atB.port}` }),
        b.ask('dial', { address: `127.0.0.1:${atA.port}` }),
      ])
      const [here, there] = ends
      if (ends.every(({ peers, pipes }) => peers === 1 && pipes === 1)) one++
      if (here.localPort === there.remotePort && here.remotePort === there.localPort) same++
      if (here.direction !== there.direction) crossed++
      await Promise.all([a.ask('endNode', {}), b.ask('endNode', {})])
    }
    // One process of one member dials so often at once: it has one peer, and no more than two links.
    const count = full ? 1_000 : 100
    const attacker = scene.attacker()
    const many = await attacker.ask('dials', { ...where, count, seed: randomBytes(32) })
    const { peers, sessions } = await victim.ask('figures', {})
    return [
      { name: 'rounds in which both dialled at once', value: rounds, unit: '' },
      { name: 'one peer and one link at both ends', value: one, unit: '', least: rounds },
      { name: 'the same link at both ends', value: same, unit: '', least: rounds },
      { name: 'out at one, in at the other', value: crossed, unit: '', least: rounds },
      { name: 'handshakes of one member at once', value: count, unit: '' },
      { name: 'its links that stand', value: many.standing, unit: '', least: 1, most: 2 },
      { name: 'peers it is counted as', value: peers, unit: '', least: 1, most: 1 },
      { name: 'times it was said to have come', value: sessions, unit: '', least: 1, most: 1 },
    ]
  },
}

export const identity: Flood = {
  name: 'identity',
  codes: 'P7 HS-07 HS-08 HS-12',
  async run(scene, full) {
    await scene.start()
    const { victim, port, peerId, swarmKey } = scene
    const [honest, other] = [await scene.honest(false), await scene.honest(false)]
    const third = await other.ask('newNode', { swarmKey })
    const own = await honest.ask('where', {})
    const [between, mirror, back] = [scene.attacker(), scene.attacker(), scene.attacker()]
    const relay = await between.ask('relay', { port, echo: false })
    const echo = await mirror.ask('relay', { port, echo: true })
    const self = await back.ask('relay', { port: own.port, echo: false })
    const times = full ? 1_000 : 20
    const figures: Figure[] = []
    const tried = async (what: string, address: string, code: string) => {
      let refused = 0
      for (let i = 0; i < times; i++) {
        const got = await honest.ask('refusal', { address })
        if (got === code) refused++
        else figures.push({ name: `${what}: ${got}`, value: 1, unit: '', most: 0 })
      }
      figures.push({ name: what, value: refused, unit: '', least: times })
    }
    // Pinned to somebody who is elsewhere.
    await tried(
      'pinned to another',
      `/ip4/127.0.0.1/tcp/${port}/p2p/${third.peerId}`,
      'GH_HANDSHAKE_IDENTITY',
    )
    await tried(
      'relayed, pinned',
      `/ip4/127.0.0.1/tcp/${relay.port}/p2p/${third.peerId}`,
      'GH_HANDSHAKE_IDENTITY',
    )
    await tried('reflected', `127.0.0.1:${echo.port}`, 'GH_HANDSHAKE_FAILED')
    await tried('itself, by way of another', `127.0.0.1:${self.port}`, 'GH_HANDSHAKE_SELF')
    const before = await victim.ask('figures', {})
    const relayed = await other.ask('connect', { address: `127.0.0.1:${relay.port}` })
    await sleep(100)
    const after = await victim.ask('figures', {})
    return [
      ...figures,
      { name: 'sessions that resulted', value: before.sessions, unit: '', most: 0 },
      {
        name: 'relayed, not pinned: it met the victim',
        value: Number(relayed.peerId === peerId),
        unit: '',
        least: 1,
      },
      { name: 'and the victim met it', value: after.sessions - before.sessions, unit: '', least: 1, most: 1 },
    ]
  },
}
