// Verifies a receipt in the browser, without trusting the page around it: RFC 9162 section 2.1.3.2 and C2SP signed notes.

const button = document.getElementById("verify");
const result = document.getElementById("verified");

const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const utf8 = (text) => new TextEncoder().encode(text);
const same = (left, right) => left.length === right.length && left.every((byte, i) => byte === right[i]);
const node = (left, right) => sha256(join(Uint8Array.of(1), left, right));

function join(...parts) {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function prefixed(...fields) {
  return join(...fields.flatMap((field) => {
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(field.length));
    return [size, field];
  }));
}

async function leafOf(entry) {
  return sha256(join(Uint8Array.of(0), prefixed(utf8(entry.header), fromHex(entry.body_sha256))));
}

async function rootFrom(leaf, index, size, proof) {
  let [fn, sn, hash] = [BigInt(index), BigInt(size) - 1n, leaf];
  if (fn > sn) throw new Error("the entry is not in a tree of that size");
  for (const one of proof) {
    if (sn === 0n) throw new Error("the inclusion proof is too long");
    if (fn & 1n || fn === sn) {
      hash = await node(one, hash);
      while (!(fn & 1n) && fn) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      hash = await node(hash, one);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  if (sn !== 0n) throw new Error("the inclusion proof is too short");
  return hash;
}

async function openCheckpoint(note, verifierKey) {
  const cut = note.lastIndexOf("\n\n");
  const text = note.slice(0, cut + 1);
  const [name, id, encoded] = verifierKey.split(/\+([0-9a-f]{8})\+/);
  const blob = fromBase64(encoded);
  const keyId = (await sha256(join(utf8(`${name}\n`), blob))).slice(0, 4);
  if (!same(keyId, fromHex(id))) throw new Error("the verifier key does not fit its name");
  const line = note.slice(cut + 2).split("\n").find((one) => one.startsWith(`\u2014 ${name} `));
  const signed = line ? fromBase64(line.slice(name.length + 3)) : new Uint8Array();
  if (!same(signed.slice(0, 4), keyId)) throw new Error("the checkpoint is not signed by that key");
  const key = await crypto.subtle.importKey("raw", blob.slice(1), "Ed25519", false, ["verify"]);
  const good = await crypto.subtle.verify("Ed25519", key, signed.slice(4), utf8(text));
  if (!good) throw new Error("the checkpoint's signature does not verify");
  const [origin, size, root] = text.split("\n");
  if (origin !== name) throw new Error("the checkpoint is of another log");
  return { size: Number(size), root: fromBase64(root) };
}

async function* verify(receipt) {
  if (!receipt.checkpoint) throw new Error("there is no signed checkpoint yet: try again in a moment");
  const checkpoint = await openCheckpoint(receipt.checkpoint, receipt.verifier_key);
  yield `The checkpoint over ${checkpoint.size} entries is signed by ${receipt.verifier_key}`;
  for (const entry of receipt.entries) {
    const leaf = await leafOf(entry);
    if (!same(leaf, fromBase64(entry.leaf_hash))) throw new Error(`the ${entry.kind} does not hash to its leaf`);
    if (JSON.parse(entry.header).exchange !== receipt.receipt) throw new Error(`the ${entry.kind} is of another exchange`);
    if (entry.index === null) {
      yield `The ${entry.kind} waits for its place in the tree`;
      continue;
    }
    const root = await rootFrom(leaf, entry.index, checkpoint.size, entry.inclusion_proof.map(fromBase64));
    if (!same(root, checkpoint.root)) throw new Error(`the proof of the ${entry.kind} does not lead to the signed root`);
    yield `The ${entry.kind} is entry ${entry.index} of that tree`;
  }
}

function line(text, good) {
  const item = document.createElement("li");
  const sign = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  sign.setAttribute("viewBox", "0 0 20 20");
  sign.setAttribute("class", "icon");
  sign.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", good ? "m3.5 10.6 4.3 4.3 8.7-9.5" : "m5 5 10 10m0-10L5 15");
  sign.append(path);
  item.className = good ? "tone-good" : "tone-bad";
  const words = document.createElement("span");
  words.textContent = good ? `${text}.` : `Not proven: ${text}.`;
  item.append(sign, words);
  return item;
}

async function run() {
  const list = document.createElement("ul");
  list.className = "proof-steps";
  try {
    const response = await fetch(button.dataset.receipt, { headers: { accept: "application/json" } });
    if (!response.ok) throw new Error("the receipt could not be loaded");
    for await (const text of verify(await response.json())) list.append(line(text, true));
  } catch (error) {
    const old = error.name === "NotSupportedError" || error.name === "SyntaxError";
    list.append(line(old ? "this browser cannot check Ed25519 signatures or read this receipt" : error.message, false));
  }
  result.replaceChildren(list);
}

if (button && globalThis.crypto?.subtle) {
  button.hidden = false;
  button.addEventListener("click", run);
}
