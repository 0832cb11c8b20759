// Rules 1 to 6 of audit-log.md, the tree, for whoever has the key in force: node verify.mjs DIRECTORY VERIFIER-KEY
import { createHash, createPublicKey, verify as holds } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const sha = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest(), hex = b => b?.toString('hex')
const node = (l, r) => sha(Buffer.of(1), l, r), half = n => 2 ** (31 - Math.clz32(n - 1)) // for n > 1
const root = h => h.length < 2 ? h[0] ?? sha() : node(root(h.slice(0, half(h.length))), root(h.slice(half(h.length))))
const must = (is, place, why) => { if (!is) throw new Error(`${place}: ${why}`) }
const base64 = (t, b = Buffer.from(t, 'base64')) => { must(b.toString('base64') === t, t, 'no base64'); return b }
const groups = n => `${n}`.padStart(Math.ceil(`${n}`.length / 3) * 3, 0).match(/.../g)
const named = (n, w) => groups(n).map((g, i, all) => all[i + 1] ? `x${g}` : g).join('/') + (w < 256 ? `.p/${w}` : '')
const unpack = (data, size, place, count) => Array.from({ length: count }, () => { // parts, each after its length
  const end = data.length < size ? Infinity : size + data.readUIntBE(0, size), part = data.subarray(size, end)
  must(data.length >= end, place, 'cut short'); data = data.subarray(end); return part
})
function open (note, vkey) { // the size and the root that the key has signed
  const [name, id, text] = vkey.split(/\+(.{8})\+/), raw = base64(text), end = note.lastIndexOf('\n\n')
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw.subarray(1)])
  const body = note.subarray(0, end + 1), stated = /^([^\n]+)\n(0|[1-9]\d*)\n([^\n]{44})\n$/.exec(body)
  const rest = note.subarray(end + 2).toString(), lines = rest.match(/^— \S+ \S+\n/gm)
  must(stated?.[1] === name && lines?.join('') === rest, 'checkpoint', 'malformed')
  const all = lines.map(l => l.split(/\s/)).map(([, who, signature]) => [who, base64(signature)])
  const ours = all.filter(([who, b]) => who === name && hex(b).startsWith(id)).map(([, b]) => b.subarray(4))
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  must(ours.length && ours.every(s => holds(null, body, key, s)), 'checkpoint', 'not signed by the key')
  return { size: Number(stated[2]), root: base64(stated[3]) }
}
export function verify (read, vkey) { // read: path → content, or undefined
  const need = path => { const data = read(path); must(data, path, 'missing'); return data }
  const head = open(need('checkpoint'), vkey), hashes = [], kinds = [], gone = new Set(), tails = new Map()
  function follow (data, item, place) { // the next entry, after what its writer wrote before
    const e = JSON.parse(data), i = hashes.push(sha(Buffer.of(0), data)) - 1
    const tail = tails.get(e.writer) ?? { i: i - 1, n: -1 }
    const next = e.index === i && (e.sequence ?? 0) === (e.writer ? tail.n + 1 : 0)
    must(e.v === 1 && next && e.previous === (hex(hashes[tail.i]) ?? '0'.repeat(64)), place, `entry ${i} is astray`)
    must(e.kind !== 'statement.done' || kinds[e.fields.statement] === 'statement', place, `entry ${i} ends nothing`)
    must(e.payload ? !item.length || hex(sha(item)) === e.payload : !item.length, place, `payload of entry ${i}`)
    const { first, end, ranges = [[first, end]] } = e.fields, erased = e.kind === 'log.erased' ? ranges : []
    for (const [a, b] of erased) for (let j = a; j < b; j++) gone.delete(j)
    kinds.push(e.kind); tails.set(e.writer, { i, n: e.sequence }); if (e.payload && !item.length) gone.add(i)
  }
  for (let n = 0, w; n * 256 < head.size; n++) {
    const place = `tile/entries/${named(n, w = Math.min(256, head.size - n * 256))}`, paid = `payload/${named(n)}`
    const data = unpack(need(place), 2, place, w), items = unpack(need(paid), 4, paid, w)
    must(data.reduce((sum, entry) => sum + 2 + entry.length, 0) === need(place).length, place, 'too long')
    data.forEach((entry, i) => follow(entry, items[i], place))
  }
  for (let level = 0, h = hashes, above; h.length; level++, h = above) { // h: all hashes of the level
    above = []
    for (let n = 0, own; n * 256 < h.length; n++, own.length < 256 || above.push(root(own))) {
      const place = `tile/${level}/${named(n, (own = h.slice(n * 256, n * 256 + 256)).length)}`
      must(need(place).equals(Buffer.concat(own)), place, 'it is not the tile of these entries')
    }
  }
  must(root(hashes).equals(head.root), 'checkpoint', 'its root is not that of the entries')
  must(!gone.size, 'payload', `that of entry ${[...gone][0]} is missing, and no entry says that it was erased`)
  return head.size
}
const [, self, copy, key] = process.argv, read = path => { try { return readFileSync(`${copy}/${path}`) } catch {} }
if (import.meta.url === pathToFileURL(self).href) console.log(`holds: ${verify(read, key)} entries`)
