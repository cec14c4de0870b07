import { useQuery } from '../../components/useQuery.ts';
import { RuleNamesDocument } from '../../generated/graphql.ts';
import { ruleName } from '../rules/kinds.ts';
import type { WebhookForm } from './form.ts';

interface Props {
  form: WebhookForm;
  change(to: Partial<WebhookForm>): void;
  error: string | null;
}

/** How many rules are offered. */
const OFFERED = 200;

/** Which rules' alerts are sent. */
export function RuleChoice({ form, change, error }: Props) {
  const { data } = useQuery(RuleNamesDocument, {});
  const rules = data?.alertRules ?? [];
  const chosen = new Set(form.rules);
  const offered = [...rules.filter(({ id }) => chosen.has(id)), ...rules.filter(({ id }) => !chosen.has(id))];
  const toggle = (id: string, isOn: boolean) =>
    change({ rules: isOn ? [...form.rules, id] : form.rules.filter((it) => it !== id) });
  return (
    <fieldset class="rule-choice">
      <legend>Rules</legend>
      <label class="check">
        <input
          type="checkbox"
          name={error ? 'all-rules' : 'rules'}
          checked={form.allRules}
          onChange={(event) => change({ allRules: event.currentTarget.checked })}
        />
        All rules
      </label>
      {!form.allRules && (
        <div class="rule-list">
          {offered.slice(0, OFFERED).map((rule, at) => (
            <label key={rule.id} class="check">
              <input
                type="checkbox"
                {...(error && at === 0 && { name: 'rules', 'aria-invalid': true, 'aria-describedby': 'rules-error' })}
                checked={chosen.has(rule.id)}
                onChange={(event) => toggle(rule.id, event.currentTarget.checked)}
              />
              {ruleName(rule)}
            </label>
          ))}
        </div>
      )}
      {error && <p id="rules-error" class="error">{error}</p>}
    </fieldset>
  );
}
