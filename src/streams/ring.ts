/**
 * Who is next: a round of members, linked through the members themselves.
 *
 *   head → a → b → c → (a)        `advance` turns it, `add` joins behind everyone else
 *
 * Joining, leaving and turning touch a few fields and allocate nothing, and one that
 * finished leaves at once: a round never holds the dead.
 *
 * Floor: streams.
 */
export interface RingMember<T> {
  /** Undefined outside the ring. Only the ring writes these two. */
  after: T | undefined
  before: T | undefined
}

export class Ring<T extends RingMember<T>> {
  head: T | undefined
  size = 0

  has(member: T): boolean {
    return member.after !== undefined
  }

  /** Joins as the last of the round; one that is in stays where it is. */
  add(member: T): void {
    if (member.after !== undefined) return
    const head = this.head
    if (head === undefined) {
      this.head = member
      member.after = member
      member.before = member
    } else {
      const last = head.before!
      member.after = head
      member.before = last
      last.after = member
      head.before = member
    }
    this.size++
  }

  /** Joins if need be, and is the next one. */
  lead(member: T): void {
    this.add(member)
    this.head = member
  }

  remove(member: T): void {
    const { after, before } = member
    if (after === undefined || before === undefined) return
    if (after === member) this.head = undefined
    else {
      before.after = after
      after.before = before
      if (this.head === member) this.head = after
    }
    member.after = undefined
    member.before = undefined
    this.size--
  }

  /** The next one becomes the head. */
  advance(): void {
    this.head = this.head?.after
  }
}
