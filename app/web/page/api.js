// The service, as the page asks it.

import { byId } from "./elements.js";

const TOKEN = "iris-token";

/** What the service answered instead of what was asked for. */
export class Problem extends Error {
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors; // of {field, message}
  }
}

/** JSON of a path. */
export const get = async (path, how = {}) => (await ask(path, how)).json();

/** Bytes of a path. */
export const bytes = async (path) => (await ask(path)).arrayBuffer();

/** JSON that a body of JSON sent to a path gets back. */
export const post = (path, body) => get(path, json(body));

/** The same for what only administrators may do: asks for the token where one is wanted. */
export const administerJson = async (path, body) => (await administer(path, json(body))).json();

const json = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** The response to what only administrators may do. */
export async function administer(path, how) {
  for (let token = sessionStorage.getItem(TOKEN), told = ""; ; told = "That is not the token.") {
    try {
      const response = await ask(path, { ...how, headers: { ...how.headers, ...(token && { Authorization: `Bearer ${inBytes(token)}` }) } });
      if (token) sessionStorage.setItem(TOKEN, token);
      return response;
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      sessionStorage.removeItem(TOKEN);
      token = await askForToken(told);
      if (!token) throw problem;
    }
  }
}

/** A text whose letters are the bytes of the text in UTF-8: of others a header can hold few. */
const inBytes = (text) => String.fromCharCode(...new TextEncoder().encode(text));

async function ask(path, how) {
  let response;
  try {
    response = await fetch(path, how);
  } catch {
    throw new Problem(0, "The service does not answer.");
  }
  if (response.ok) return response;
  const { detail, errors } = await response.json().catch(() => ({}));
  throw new Problem(response.status, detail ?? response.statusText, errors);
}

/** The token that was given, or null; it is kept for this tab only, and only if it is the right one. */
function askForToken(told) {
  const dialog = byId("token");
  const input = byId("token-input");
  byId("token-told").textContent = told;
  input.value = "";
  dialog.returnValue = "leave";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "send" ? input.value : null);
    }, { once: true });
  });
}
