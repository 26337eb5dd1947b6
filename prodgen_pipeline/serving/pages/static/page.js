// The one page: sign in with a key, ask, read the answer with its citations. Text is only ever set as text.
"use strict";

const element = (id) => document.getElementById(id);
const STORED_KEY = "prodgen-key";

function say(text, bad = false) {
  element("status").textContent = text;
  element("status").classList.toggle("bad", bad);
}

function show(signedIn) {
  element("sign-in").hidden = signedIn;
  element("ask").hidden = !signedIn;
  element("answer").hidden = true;
  element(signedIn ? "question" : "key").focus();
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem(STORED_KEY)}` },
    body: JSON.stringify(body),
  });
  const result = await response.json();
  if (response.status === 401) {
    sessionStorage.removeItem(STORED_KEY);
    show(false);
  }
  if (!response.ok) throw new Error(`${result.title}: ${result.detail}`);
  return result;
}

function place(citation) {
  const pages = citation.pages.length ? `, page ${citation.pages.join(", ")}` : "";
  return `[${citation.n}] ${citation.uri} (${citation.source}, version ${citation.version}${pages})`;
}

function citationItem(citation) {
  const item = document.createElement("li");
  const where = document.createElement("cite");
  const quote = document.createElement("q");
  where.textContent = place(citation);
  quote.textContent = citation.quote;
  item.append(where, quote);
  return item;
}

function render(result) {
  element("text").textContent = result.answer;
  element("citations").replaceChildren(...result.citations.map(citationItem));
  const how = result.route.model ? `${result.route.tier}, ${result.route.model}` : result.route.tier;
  element("how").textContent = `${how}, ${Math.round(result.timings_ms.total)} ms, release ${result.release}`;
  element("answer").hidden = false;
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(STORED_KEY, element("key").value.trim());
  element("key").value = "";
  say("");
  show(true);
});

element("sign-out").addEventListener("click", () => {
  sessionStorage.removeItem(STORED_KEY);
  say("");
  show(false);
});

element("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter ?? element("ask").querySelector("button");
  button.disabled = true;
  element("answer").hidden = true;
  say("Searching…");
  try {
    render(await post("/v1/ask", { text: element("question").value }));
    say("");
  } catch (error) {
    say(error.message, true);
  } finally {
    button.disabled = false;
  }
});

show(Boolean(sessionStorage.getItem(STORED_KEY)));
