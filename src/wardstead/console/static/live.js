// The live table: rows come as server-sent events, and are put together from the templates that the page brought.

const table = document.getElementById("live-table");
const body = table.querySelector("tbody");
const empty = table.querySelector(".empty");
const status = document.getElementById("live-status");
const pause = document.getElementById("live-pause");
const template = document.getElementById("live-row").content.querySelector("tr");
let source = null;
let seen = new Set([...body.rows].map((row) => row.querySelector(".more code").textContent));

function pill(tone, text) {
  const made = table.querySelector(`template[data-tone="${tone}"]`).content.firstElementChild.cloneNode(true);
  made.lastElementChild.textContent = text;
  return made;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function draw(row) {
  const made = template.cloneNode(true);
  const cell = (name) => made.querySelector(`.${name}`);
  const [day, clock] = row.time.split("T");
  const time = cell("when").querySelector("time");
  time.dateTime = row.time;
  time.replaceChildren(`${day} `, element("b", "", clock.slice(0, 8)));
  cell("who").textContent = row.person;
  if (row.kind === "admin") cell("what").textContent = row.act || "administration";
  else if (row.model) cell("what").textContent = row.model;
  else cell("what").replaceChildren(element("span", "sealed", "sealed"));
  cell("label").replaceChildren(...(row.label ? [element("span", "chip label", row.label)] : []));
  cell("outcome").replaceChildren(pill(row.tone, row.outcome));
  const link = cell("more").querySelector("a");
  link.href = `/console/exchanges/${encodeURIComponent(row.id)}`;
  link.setAttribute("aria-label", `Exchange ${row.id}`);
  const short = row.id.slice(-12);
  link.querySelector("code").textContent = short;
  if (!seen.has(short)) made.classList.add("fresh");
  return made;
}

function show(rows) {
  // Whoever stands on a link with the keyboard stays on it.
  const held = body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  body.replaceChildren(...rows.map(draw));
  seen = new Set(rows.map((row) => row.id.slice(-12)));
  empty.hidden = rows.length > 0;
  if (held) [...body.querySelectorAll("a")].find((link) => link.getAttribute("href") === held)?.focus();
}

function say(text, on) {
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("on", on);
}

function start() {
  source = new EventSource(table.dataset.source);
  source.onopen = () => say("Live", true);
  source.addEventListener("rows", (event) => show(JSON.parse(event.data)));
  source.onerror = () => {
    if (source?.readyState === EventSource.CLOSED) {
      say("Not live: reload the page", false);
      pause.hidden = true;
    }
  };
}

function stop() {
  source?.close();
  source = null;
}

pause.addEventListener("click", () => {
  if (source) {
    stop();
    say("Paused", false);
    pause.textContent = "Go on";
  } else {
    pause.textContent = "Pause";
    start();
  }
});
addEventListener("pagehide", stop);
pause.hidden = false;
start();
