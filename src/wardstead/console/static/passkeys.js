// Passkeys: asks our server for a question, the browser for the answer, and sends it with the form around the button.

const supported = typeof PublicKeyCredential === "function" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

async function answered(form) {
  const fields = new URLSearchParams(new FormData(form));
  const reply = await fetch(form.dataset.begin, { method: "POST", body: fields, headers: { accept: "application/json" } });
  const options = await reply.json();
  if (!reply.ok) throw new Error(options.problem);
  const made = form.dataset.passkey === "new"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return JSON.stringify(made.toJSON());
}

function sayWhy(form, error) {
  const said = {
    NotAllowedError: "Nothing was chosen, or it took too long.",
    InvalidStateError: "This device has a passkey for you already.",
    SecurityError: "Passkeys do not work at this address.",
  };
  const place = form.querySelector("[role=alert]");
  place.textContent = said[error.name] ?? error.message ?? "It did not work.";
  place.hidden = false;
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !supported;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      form.elements.answer.value = await answered(form);
      form.submit();
    } catch (error) {
      sayWhy(form, error);
      button.disabled = false;
    }
  });
}
for (const one of document.querySelectorAll("[data-without-passkeys]")) one.hidden = supported;
