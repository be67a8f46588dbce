// The chat: one more client of the gateway. The conversation is kept in this page and nowhere else.

const byId = (id) => document.getElementById(id);
const form = byId("ask");
if (form) begin();

function begin() {
  const [message, model, send, stop, status] = ["message", "model", "send", "stop", "chat-status"].map(byId);
  let history = [];
  // Its label and its stand-ins stay with the conversation under this name.
  let conversation = crypto.randomUUID();
  let running = null;

  function about() {
    const chosen = model.selectedOptions[0];
    const attested = chosen.dataset.attested === "yes" ? "" : " Unattested: served by somebody else.";
    byId("model-about").textContent = `This model may read what is labelled up to: ${chosen.dataset.clearance}.${attested}`;
  }

  function busy(on) {
    stop.hidden = !on;
    send.disabled = on;
    status.textContent = on ? "Answering" : "The answer has ended";
  }

  const template = byId("template") ? templates(form, message) : null;

  async function ask() {
    const text = message.value.trim();
    const filled = template?.filled();
    if ((!text && !filled) || running || template?.loading()) return;
    byId("log-empty").hidden = true;
    const mine = turn("said-by-you");
    write(mine, [filled?.shown, text].filter(Boolean).join("\n\n"));
    const answer = turn("said-by-model");
    answer.querySelector("h2").textContent = model.value;
    answer.setAttribute("aria-busy", "true");
    message.value = "";
    template?.clear();
    message.focus();
    running = new AbortController();
    busy(true);
    const said = text ? [{ type: "text", text }] : [];
    const asked = { role: "user", content: filled ? [filled.part, ...said] : text };
    const reply = await talk([...history, asked], answer, running.signal);
    answer.setAttribute("aria-busy", "false");
    if (reply.keep) {
      if (reply.redacted || filled) await showSent(reply.receipt, mine, asked);
      history.push(asked, { role: "assistant", content: reply.text });
    }
    running = null;
    busy(false);
    follow();
  }

  async function talk(messages, answer, signal) {
    const reply = { text: "", keep: false, receipt: "", redacted: 0 };
    let response;
    try {
      response = await fetch("/v1/chat/completions", {
        method: "POST",
        signal,
        headers: {
          "content-type": "application/json",
          "x-wardstead-csrf": form.dataset.csrf,
          "wardstead-conversation": conversation,
        },
        body: JSON.stringify({ model: model.value, messages, stream: true }),
      });
      Object.assign(reply, facts(response.headers, answer));
      if (!response.ok) {
        await refused(response, answer, reply);
        return reply;
      }
      const end = await relay(response.body, (piece) => {
        reply.text += piece;
        write(answer, reply.text);
        follow();
      });
      finish(end, answer, reply);
    } catch (error) {
      const stopped = error.name === "AbortError";
      problem(answer, stopped ? "You stopped this answer." : "The connection broke off: this answer is not complete.", stopped ? "stopped" : "failed");
      reply.keep = reply.text !== "";
    }
    return reply;
  }

  function finish(end, answer, reply) {
    const prevented = /^(block|hold)/.test(reply.decision);
    reply.keep = !prevented && reply.text !== "";
    if (end.error) problem(answer, end.error, "failed");
    else if (end.reason === "content_filter") problem(answer, prevented && !/^hold/.test(reply.decision) ? "The model never saw this message." : "Wardstead ended this answer.", "stopped");
    else if (!end.done) problem(answer, "The connection broke off: this answer is not complete.", "failed");
    else if (end.reason === "length") problem(answer, "The answer reached its longest length.", "stopped");
  }

  async function showSent(receipt, mine, asked) {
    const response = await fetch(`/console/exchanges/${encodeURIComponent(receipt)}/sent.json`);
    if (!response.ok) return;
    const last = (await response.json()).messages.filter((one) => one.who === "user").at(-1);
    if (!last) return;
    // What was taken out stays out: the next question repeats the conversation as it was sent on.
    asked.content = last.text;
    write(mine, last.text);
    mine.querySelector("h2").textContent = "You, as it was sent on";
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
    event.preventDefault();
    if (message.value.trim() || template?.chosen()) form.requestSubmit();
  });
  stop.addEventListener("click", () => {
    running?.abort();
    message.focus();
  });
  model.addEventListener("change", about);
  byId("fresh").addEventListener("click", () => {
    running?.abort();
    history = [];
    conversation = crypto.randomUUID();
    template?.clear();
    byId("log").querySelectorAll(".turn").forEach((one) => one.remove());
    byId("log-empty").hidden = false;
    message.focus();
  });
  about();
}

// The template to fill, and what it wants. Its text is asked for when it is chosen; it is filled by the gateway.
function templates(form, message) {
  const [choice, blanks, problem] = ["template", "blanks", "template-problem"].map(byId);
  let waiting = false;

  function show(names) {
    blanks.querySelectorAll("div").forEach((one) => one.remove());
    for (const name of names) {
      const made = byId("blank").content.firstElementChild.cloneNode(true);
      made.lastElementChild.id = made.firstElementChild.htmlFor = `blank-${name}`;
      made.lastElementChild.name = made.firstElementChild.textContent = name;
      blanks.append(made);
    }
    blanks.hidden = names.length === 0;
    message.required = choice.value === "";
  }

  function clear() {
    choice.value = "";
    problem.textContent = "";
    show([]);
  }

  async function choose() {
    const wanted = choice.value;
    problem.textContent = "";
    show([]);
    if (!wanted) return;
    waiting = true;
    const response = await fetch(`/v1/templates/${encodeURIComponent(wanted)}`, { headers: { "x-wardstead-csrf": form.dataset.csrf } }).catch(() => null);
    if (choice.value !== wanted) return;
    waiting = false;
    if (response?.ok) return show((await response.json()).variables);
    clear();
    problem.textContent = "This template cannot be read now.";
  }

  function filled() {
    if (!choice.value) return null;
    const fields = [...blanks.querySelectorAll("textarea")];
    const variables = Object.fromEntries(fields.map((one) => [one.name, one.value]));
    const shown = [choice.selectedOptions[0].textContent, ...fields.map((one) => `${one.name}: ${one.value}`)].join("\n");
    return { part: { type: "template", template_id: choice.value, variables }, shown };
  }

  choice.addEventListener("change", choose);
  return { clear, filled, chosen: () => choice.value !== "", loading: () => waiting && choice.value !== "" };
}

function turn(template) {
  const made = byId(template).content.firstElementChild.cloneNode(true);
  byId("log").append(made);
  follow(true);
  return made;
}

function write(article, text) {
  const parts = text.split(/\[redacted:([a-z0-9-]{2,40})\]/);
  article.querySelector(".words").replaceChildren(...parts.map((part, i) => (i % 2 ? mark(part) : part)));
}

function mark(type) {
  const made = document.createElement("mark");
  made.className = "chip redaction";
  made.textContent = `${type} redacted`;
  return made;
}

function pill(tone, text) {
  const made = document.querySelector(`template[data-tone="${tone}"]`).content.firstElementChild.cloneNode(true);
  made.lastElementChild.textContent = text;
  return made;
}

// What the gateway says in its headers: the decision, the label, the receipt.
function facts(headers, answer) {
  const receipt = headers.get("wardstead-receipt") ?? "";
  const decision = headers.get("wardstead-decision") ?? "";
  const label = headers.get("wardstead-label") ?? "";
  const done = [...decision.matchAll(/(redacted|masked|pseudonymised|flagged)=(\d+)/g)];
  const redacted = done.filter(([, word]) => word !== "flagged").length;
  const footer = answer.querySelector(".turn-facts");
  const verdict = decision.split(";")[0];
  const [tone, word] = { allow: ["good", "allowed"], block: ["guarded", "blocked"], hold: ["guarded", "held for review"], deny: ["guarded", "denied"] }[verdict] ?? ["bad", verdict || "no decision"];
  footer.append(pill(tone, word));
  for (const [, word, count] of done) footer.append(pill("guarded", `${count} ${word} in your message`));
  if (label) {
    const chip = document.createElement("span");
    chip.className = "chip label";
    chip.textContent = label;
    footer.append(chip);
  }
  if (headers.get("wardstead-isolation")) footer.append(pill("bad", "the model is not isolated"));
  if (receipt) {
    const link = document.createElement("a");
    link.href = `/console/exchanges/${encodeURIComponent(receipt)}`;
    link.textContent = "Receipt";
    footer.append(link);
  }
  footer.hidden = false;
  return { receipt, decision, redacted };
}

async function refused(response, answer, reply) {
  let said = "";
  try {
    said = (await response.json()).error.message;
  } catch {
    said = `The gateway answered ${response.status}.`;
  }
  const signedOut = response.status === 401 ? " Your session has ended: sign in again." : "";
  problem(answer, said + signedOut, reply.decision.startsWith("deny") ? "stopped" : "failed");
}

function problem(answer, text, kind) {
  const line = answer.querySelector(".turn-problem");
  line.textContent = text.charAt(0).toUpperCase() + text.slice(1);
  line.hidden = false;
  answer.classList.add(kind);
}

// Server-sent events of the OpenAI dialect. Resolves with how the answer ended.
async function relay(body, onText) {
  const end = { reason: "", done: false, error: "" };
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return end;
    const events = (held + value).split("\n\n");
    held = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (data === "[DONE]") end.done = true;
      else if (data) take(JSON.parse(data), onText, end);
    }
  }
}

function take(chunk, onText, end) {
  if (chunk.error) end.error = chunk.error.message;
  for (const choice of chunk.choices ?? []) {
    if (choice.index !== 0) continue;
    const text = choice.delta?.content || choice.delta?.refusal;
    if (text) onText(text);
    end.reason = choice.finish_reason ?? end.reason;
  }
}

// Keeps the end in sight, unless the reader has scrolled away from it.
let following = true;
addEventListener("scroll", () => { following = bottom() < 120; }, { passive: true });

function bottom() {
  return document.documentElement.scrollHeight - innerHeight - scrollY;
}

function follow(always = false) {
  if (always || following) scrollTo(0, document.documentElement.scrollHeight);
}
