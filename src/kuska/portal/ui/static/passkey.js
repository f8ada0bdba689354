// The passkey ceremony. The page brings the options in the form's data, this asks the authenticator and puts the answer
// into the form's hidden field: the server sees an ordinary form with its token. Nothing is fetched.
"use strict";
(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  async function create(options) {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: known(options.excludeCredentials),
      },
    });
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      authenticatorAttachment: made.authenticatorAttachment,
      clientExtensionResults: made.getClientExtensionResults(),
      response: {
        attestationObject: text(made.response.attestationObject),
        clientDataJSON: text(made.response.clientDataJSON),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  }

  async function get(options) {
    const shown = await navigator.credentials.get({
      publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials) },
    });
    const answer = shown.response;
    return {
      id: shown.id,
      rawId: text(shown.rawId),
      type: shown.type,
      authenticatorAttachment: shown.authenticatorAttachment,
      clientExtensionResults: shown.getClientExtensionResults(),
      response: {
        authenticatorData: text(answer.authenticatorData),
        clientDataJSON: text(answer.clientDataJSON),
        signature: text(answer.signature),
        userHandle: answer.userHandle ? text(answer.userHandle) : null,
      },
    };
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const trouble = form.querySelector("[data-passkey-trouble]");
    const answer = form.elements.namedItem("answer");
    const complain = () => {
      trouble.hidden = false;
      trouble.focus();
    };
    form.addEventListener("submit", async (event) => {
      if (answer.value) return;
      event.preventDefault();
      trouble.hidden = true;
      if (!window.PublicKeyCredential) {
        complain();
        return;
      }
      try {
        const options = JSON.parse(form.dataset.passkeyOptions);
        const given = await (form.dataset.passkey === "create" ? create(options) : get(options));
        answer.value = JSON.stringify(given);
        form.submit();
      } catch {
        complain();
      }
    });
    if (form.dataset.passkeyAtOnce !== undefined) form.requestSubmit();
  }
})();
