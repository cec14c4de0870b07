import { openDialog } from '../../components/Dialog.tsx';
import type { WebhookFieldsFragment } from '../../generated/graphql.ts';
import { emptyForm, formOfWebhook } from './form.ts';
import { SecretDialog } from './SecretDialog.tsx';
import { WebhookDialog } from './WebhookDialog.tsx';

/** Returns the id of the new webhook, or null if the user cancels. Shows its signing key before. */
export function openCreateWebhook(): Promise<string | null> {
  return new Promise((resolve) => {
    openDialog((close) => {
      const done = async (saved: { id: string; secret: string | null } | null) => {
        close();
        if (saved?.secret) await openSecret(saved.secret);
        resolve(saved?.id ?? null);
      };
      return <WebhookDialog webhook={null} initial={emptyForm()} onDone={done} />;
    });
  });
}

/** Returns whether the webhook was changed. */
export function openEditWebhook(webhook: WebhookFieldsFragment): Promise<boolean> {
  return new Promise((resolve) => {
    openDialog((close) => {
      const done = (saved: unknown) => {
        close();
        resolve(saved !== null);
      };
      return <WebhookDialog webhook={webhook} initial={formOfWebhook(webhook)} onDone={done} />;
    });
  });
}

/** Shows a signing key, which the server does not show again. Resolves when the dialog is closed. */
export function openSecret(secret: string): Promise<void> {
  return new Promise((resolve) => {
    openDialog((close) => {
      const done = () => {
        close();
        resolve();
      };
      return <SecretDialog secret={secret} onClose={done} />;
    });
  });
}
