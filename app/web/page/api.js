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

  /** All of it in a line. */
  toString() {
    return [this.message, ...this.errors.map(({ field, message }) => `${field}: ${message}`)].join(" ");
  }
}

/** JSON of a path. */
export const get = async (path, how = {}) => (await ask(path, how)).json();

/** Bytes of a path. */
export const bytes = async (path) => (await ask(path)).arrayBuffer();

/** JSON that a body sent to a path gets back. */
export const post = (path, body, how = {}) =>
  get(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...how });

/** The same for what only administrators may do: asks for the token where one is wanted. */
export async function administer(path, how) {
  for (let told = ""; ;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { ...how.headers, ...(token && { Authorization: `Bearer ${token}` }) };
    try {
      return await get(path, { ...how, headers });
    } catch (problem) {
      if (problem.status !== 401 || !(await askForToken(told))) throw problem;
      told = "That was not the token.";
    }
  }
}

export const administerJson = (path, body) =>
  administer(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

async function ask(path, how) {
  let response;
  try {
    response = await fetch(path, how);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.detail ?? response.statusText, problem.errors);
}

/** Whether a token was given; it is kept for this tab only. */
function askForToken(told) {
  const dialog = byId("token");
  const input = byId("token-input");
  byId("token-told").textContent = told;
  input.value = "";
  dialog.returnValue = "leave";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "send" && input.value !== "";
      if (given) sessionStorage.setItem(TOKEN, input.value);
      resolve(given);
    }, { once: true });
  });
}
