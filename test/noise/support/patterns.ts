/**
 * The patterns of the paper (revision 34, sections 7.4, 7.5 and 18.1, and XXfallback) in its
 * own notation, and the psk modifiers. `src` holds only what we speak.
 */
import type { HandshakePattern, Token } from '../../../src/noise/index.ts'

const table: Readonly<Record<string, string>> = {
  N: '<- s ... -> e, es',
  K: '-> s <- s ... -> e, es, ss',
  X: '<- s ... -> e, es, s, ss',
  NN: '-> e <- e, ee',
  NK: '<- s ... -> e, es <- e, ee',
  NX: '-> e <- e, ee, s, es',
  XN: '-> e <- e, ee -> s, se',
  XK: '<- s ... -> e, es <- e, ee -> s, se',
  XX: '-> e <- e, ee, s, es -> s, se',
  KN: '-> s ... -> e <- e, ee, se',
  KK: '-> s <- s ... -> e, es, ss <- e, ee, se',
  KX: '-> s ... -> e <- e, ee, se, s, es',
  IN: '-> e, s <- e, ee, se',
  IK: '<- s ... -> e, es, s, ss <- e, ee, se',
  IX: '-> e, s <- e, ee, se, s, es',
  NK1: '<- s ... -> e <- e, ee, es',
  NX1: '-> e <- e, ee, s -> es',
  X1N: '-> e <- e, ee -> s <- se',
  X1K: '<- s ... -> e, es <- e, ee -> s <- se',
  XK1: '<- s ... -> e <- e, ee, es -> s, se',
  X1K1: '<- s ... -> e <- e, ee, es -> s <- se',
  X1X: '-> e <- e, ee, s, es -> s <- se',
  XX1: '-> e <- e, ee, s -> es, s, se',
  X1X1: '-> e <- e, ee, s -> es, s <- se',
  K1N: '-> s ... -> e <- e, ee -> se',
  K1K: '-> s <- s ... -> e, es <- e, ee -> se',
  KK1: '-> s <- s ... -> e <- e, ee, se, es',
  K1K1: '-> s <- s ... -> e <- e, ee, es -> se',
  K1X: '-> s ... -> e <- e, ee, s, es -> se',
  KX1: '-> s ... -> e <- e, ee, se, s -> es',
  K1X1: '-> s ... -> e <- e, ee, s -> se, es',
  I1N: '-> e, s <- e, ee -> se',
  I1K: '<- s ... -> e, es, s <- e, ee -> se',
  IK1: '<- s ... -> e, s <- e, ee, se, es',
  I1K1: '<- s ... -> e, s <- e, ee, es -> se',
  I1X: '-> e, s <- e, ee, s, es -> se',
  IX1: '-> e, s <- e, ee, se, s -> es',
  I1X1: '-> e, s <- e, ee, s -> se, es',
  // Who was the responder of the failed IK message sends first and is Noise's initiator.
  XXfallback: '<- e ... -> e, ee, s, se <- s, es',
}

/** `XX`, `IKpsk2`, `XXpsk0+psk3`: the pattern of a name. */
export function patternOf(name: string): HandshakePattern {
  const [, base, modifiers] = /^([A-Z0-9]+(?:fallback)?)((?:psk\d\+?)*)$/.exec(name)!
  const halves = table[base!]!.split(' ... ')
  const messages = arrows(halves.at(-1)!).map(line => line.tokens)
  const preMessages = { initiator: [] as ('e' | 's')[], responder: [] as ('e' | 's')[] }
  if (halves.length === 2)
    for (const { initiator, tokens } of arrows(halves[0]!))
      preMessages[initiator ? 'initiator' : 'responder'].push(...(tokens as ('e' | 's')[]))
  for (const [, digit] of modifiers!.matchAll(/psk(\d)/g)) {
    if (digit === '0') messages[0]!.unshift('psk')
    else messages[Number(digit) - 1]!.push('psk')
  }
  return { name, preMessages, messages }
}

/** One-way patterns have one message, and only the initiator ever sends. */
export function isOneWay(pattern: HandshakePattern): boolean {
  return pattern.messages.length === 1
}

function arrows(text: string): { initiator: boolean; tokens: Token[] }[] {
  return [...text.matchAll(/(->|<-) ([^<>.-]+)/g)].map(([, arrow, tokens]) => ({
    initiator: arrow === '->',
    tokens: tokens!.trim().split(', ') as Token[],
  }))
}
