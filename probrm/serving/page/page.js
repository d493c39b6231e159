"use strict";
// Texts go into the page as text, never as HTML.
const at = (id) => document.getElementById(id);
let asking = false;
const SVG = "http://www.w3.org/2000/svg";

function addAnswer() {
  const n = at("answers").querySelectorAll("textarea").length + 1;
  const label = document.createElement("label");
  label.htmlFor = `answer-${n}`;
  label.textContent = `Answer ${n}`;
  const area = document.createElement("textarea");
  area.id = `answer-${n}`;
  area.rows = 3;
  at("answers").append(label, area);
}

async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (at("token").value) headers.Authorization = `Bearer ${at("token").value}`;
  const reply = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const found = await reply.json().catch(() => ({ error: { message: `the server answered ${reply.status} ${reply.statusText}` } }));
  if (reply.ok) return found;
  if (reply.status === 401) at("access").open = true;
  throw new Error([found.error.message, found.error.fix].filter(Boolean).join("; "));
}

function interval(score, low, high) {
  const place = (value) => `${(2 + 96 * (value - low) / (high - low || 1)).toFixed(2)}%`;
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "line");
  for (const [name, value] of [["x1", place(score.reward_own_low)], ["x2", place(score.reward_own_high)], ["y1", "50%"], ["y2", "50%"]]) line.setAttribute(name, value);
  const dot = document.createElementNS(SVG, "circle");
  for (const [name, value] of [["cx", place(score.reward)], ["cy", "50%"], ["r", "5"]]) dot.setAttribute(name, value);
  drawing.append(line, dot);
  return drawing;
}

function show(names, scores, ranking) {
  const low = Math.min(...scores.map((one) => one.reward_own_low)), high = Math.max(...scores.map((one) => one.reward_own_high));
  const body = at("found").tBodies[0];
  body.replaceChildren();
  scores.forEach((score, i) => {
    const row = body.insertRow();
    if (ranking && ranking.chosen === i) row.className = "best";
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = ranking && ranking.chosen === i ? `${names[i]}, the choice` : names[i];
    row.append(head);
    const titles = [...at("found").tHead.rows[0].cells].map((one) => one.textContent);
    const add = (...what) => {
      const cell = row.insertCell();
      cell.dataset.name = titles[cell.cellIndex];
      cell.append(...what);
    };
    add(`${score.reward.toFixed(2)} ± ${score.reward_sd.toFixed(2)}`);
    add(interval(score, low, high), `${score.reward_own_low.toFixed(1)} to ${score.reward_own_high.toFixed(1)}`);
    add(`${score.probability.toFixed(2)} [${score.probability_low.toFixed(2)}, ${score.probability_high.toFixed(2)}]`);
    add(ranking ? ranking.p_best[i].toFixed(2) : "–");
  });
  at("found").hidden = false;
}

async function ask(event) {
  event.preventDefault();
  const areas = [...at("answers").querySelectorAll("textarea")].filter((area) => area.value.trim());
  const prompt = at("prompt").value, responses = areas.map((area) => area.value);
  at("said").className = "";
  if (!responses.length) { at("said").textContent = "Write an answer."; return; }
  if (asking) return;
  asking = true;
  at("said").textContent = "Asking …";
  try {
    const { scores, model } = await post("score", { items: responses.map((response) => ({ prompt, response })) });
    const ranking = responses.length > 1 ? await post("rank", { prompt, responses }) : null;
    show(areas.map((area) => area.labels[0].textContent), scores, ranking);
    at("said").textContent = `Model: ${model}. The intervals include what the encoder does not capture of an answer.`;
  } catch (error) {
    at("found").hidden = true;
    at("said").className = "error";
    at("said").textContent = error.message;
  } finally {
    asking = false;
  }
}

addAnswer();
addAnswer();
at("more").addEventListener("click", addAnswer);
at("form").addEventListener("submit", ask);
