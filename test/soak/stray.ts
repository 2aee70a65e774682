/** Starts two members, stops one with SIGSTOP, tells who they are, and waits to be killed. For `soak.test.ts`. */
import { Fleet } from './fleet.ts'

const fleet = new Fleet({ chat() {}, lost() {}, error() {} })
const members = [await fleet.start('a', 'a', {}), await fleet.start('b', 'b', {})]
members[1]!.pause()
process.send!({ pids: members.map(({ child }) => child.pid), folder: fleet.folder })
process.once('disconnect', () => fleet.close())
