/** The fields of the form of a webhook, and the inputs of mutations that they make. */

import type {
  CreateWebhookInput,
  UpdateWebhookInput,
  WebhookFieldsFragment,
  WebhookFormat,
} from '../../generated/graphql.ts';

export interface WebhookForm {
  format: WebhookFormat;
  /** Empty while editing means that the address stays: the server shows it masked. */
  url: string;
  token: string;
  /** Separated by commas or spaces; empty means all. */
  symbols: string;
  allRules: boolean;
  rules: string[];
  description: string;
}

export type WebhookField = keyof WebhookForm;

export const formats: readonly { format: WebhookFormat; label: string; example: string }[] = [
  { format: 'STANDARD', label: 'Signed JSON', example: 'https://example.com/hooks/stocks' },
  { format: 'SLACK', label: 'Slack', example: 'https://hooks.slack.com/services/…' },
  { format: 'DISCORD', label: 'Discord', example: 'https://discord.com/api/webhooks/…' },
  { format: 'NTFY', label: 'ntfy', example: 'https://ntfy.sh/my-secret-topic' },
  {
    format: 'TELEGRAM',
    label: 'Telegram',
    example: 'https://api.telegram.org/bot…/sendMessage?chat_id=…',
  },
  { format: 'APPRISE', label: 'Apprise', example: 'https://apprise.example.com/notify/…' },
  { format: 'EMAIL', label: 'Mail', example: 'mailto:someone@example.com' },
];

export function formatLabel(format: WebhookFormat): string {
  return formats.find((it) => it.format === format)?.label ?? format;
}

export function hasToken(format: WebhookFormat): boolean {
  return format === 'NTFY' || format === 'APPRISE';
}

export function emptyForm(): WebhookForm {
  return {
    format: 'STANDARD',
    url: '',
    token: '',
    symbols: '',
    allRules: true,
    rules: [],
    description: '',
  };
}

export function formOfWebhook(webhook: WebhookFieldsFragment): WebhookForm {
  return {
    format: webhook.format,
    url: '',
    token: '',
    symbols: (webhook.symbols ?? []).join(', '),
    allRules: webhook.rules == null,
    rules: (webhook.rules ?? []).map((it) => it.id),
    description: webhook.description ?? '',
  };
}

export function typedSymbols(text: string): string[] {
  return text.split(/[\s,;]+/).filter((it) => it !== '');
}

export function problemOf(
  form: WebhookForm,
  isNew: boolean,
): { field: WebhookField; message: string } | null {
  if (isNew && form.url.trim() === '') return { field: 'url', message: 'Enter an address' };
  if (!form.allRules && form.rules.length === 0) {
    return { field: 'rules', message: 'Choose a rule, or all rules' };
  }
  return null;
}

function selection(form: WebhookForm): Pick<CreateWebhookInput, 'symbols' | 'rules' | 'description'> {
  const symbols = typedSymbols(form.symbols);
  return {
    symbols: symbols.length === 0 ? null : symbols,
    rules: form.allRules ? null : form.rules,
    description: form.description.trim() === '' ? null : form.description.trim(),
  };
}

export function createInput(form: WebhookForm): CreateWebhookInput {
  const token = hasToken(form.format) ? form.token.trim() : '';
  return {
    format: form.format,
    url: form.url.trim(),
    ...(token === '' ? {} : { token }),
    ...selection(form),
  };
}

/** An address or token that was not typed again keeps its value. */
export function updateInput(id: string, form: WebhookForm): UpdateWebhookInput {
  const url = form.url.trim();
  const token = hasToken(form.format) ? form.token.trim() : '';
  return {
    id,
    ...(url === '' ? {} : { url }),
    ...(token === '' ? {} : { token }),
    ...selection(form),
  };
}
