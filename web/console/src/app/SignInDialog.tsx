import { useState } from 'preact/hooks';
import { messageOf } from '../api/index.ts';
import { askAdminToken } from '../api/sign-in.ts';
import { tokenRequest, type TokenRequest } from '../api/sign-in.ts';
import { adminToken } from '../api/token.ts';
import { Dialog } from '../components/Dialog.tsx';
import { TextField } from '../components/Field.tsx';

/** The dialog for the token that something waits for. */
export function SignInDialog() {
  const request = tokenRequest.value;
  return request && <TokenDialog key={request.kind} request={request} />;
}

const TEXTS = {
  admin: {
    title: 'Admin token',
    action: 'Sign in',
    hint: 'Changes require the token that the server was started with (ADMIN_TOKEN), or that it logged at its start.',
  },
  access: {
    title: 'Access token',
    action: 'Continue',
    hint: 'This server requires a token to read (READ_TOKEN).',
  },
} as const;

const REFUSED = 'The token was refused';

function TokenDialog({ request }: { request: TokenRequest }) {
  const { title, action, hint } = TEXTS[request.kind];
  const [token, setToken] = useState('');
  const [keep, setKeep] = useState(false);
  const [error, setError] = useState<string | null>(request.refused ? REFUSED : null);
  const [waiting, setWaiting] = useState(false);

  async function submit(event: Event) {
    event.preventDefault();
    if (waiting) return;
    setWaiting(true);
    try {
      if (!(await request.enter(token.trim(), keep))) setError(REFUSED);
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setWaiting(false);
    }
  }

  return (
    <Dialog title={title} onClose={() => request.kind === 'admin' && request.cancel()}>
      <form onSubmit={submit}>
        <TextField
          label={title}
          type="password"
          required
          data-autofocus
          value={token}
          onInput={(value) => {
            setToken(value);
            setError(null);
          }}
          error={error}
          hint={hint}
        />
        <label class="check">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
          Keep until this tab closes
        </label>
        <div class="actions">
          <button type="submit" class="primary" aria-busy={waiting}>{action}</button>
          {request.kind === 'admin' && <button type="button" onClick={request.cancel}>Cancel</button>}
        </div>
      </form>
    </Dialog>
  );
}

/** Signs in with the admin token, and out. */
export const SignInButton = () =>
  adminToken.value.value === null
    ? <button type="button" class="quiet" onClick={() => void askAdminToken()}>Sign in</button>
    : <button type="button" class="quiet" onClick={() => adminToken.clear()}>Sign out</button>;
