// In place of the views where the API is closed: a form for a token.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { texts } from "./messages.ts";
import { keepToken, refused, token } from "./token.ts";

export function SignIn(): JSX.Element {
  const [secret, setSecret] = useState("");
  const send = (event: Event): void => {
    event.preventDefault();
    keepToken(secret);
  };
  return (
    <form class="sign-in" aria-labelledby="sign-in-title" data-part="sign-in" onSubmit={send}>
      <h2 id="sign-in-title">{texts.signIn}</h2>
      {token.value && <p role="alert" class="is-bad">{refused.value}</p>}
      <label>{texts.token}
        <input name="token" type="password" required autoComplete="off" autoFocus value={secret}
          onInput={(event) => setSecret(event.currentTarget.value.trim())} />
      </label>
      <button type="submit">{texts.enter}</button>
      <p class="hint">{texts.signInHint}</p>
    </form>
  );
}
