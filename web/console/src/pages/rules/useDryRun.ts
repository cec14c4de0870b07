import { useEffect, useState } from 'preact/hooks';
import { ApiError, messageOf, query } from '../../api/index.ts';
import { DryRunDocument } from '../../generated/graphql.ts';
import type { DryRunResult } from './dry-run.ts';
import { createInput, problemOf, type RuleForm } from './form.ts';

/** Milliseconds from the last change to the query. */
const DELAY = 400;

export interface DryRun {
  /** What is awaited, missing or wrong; null if `result` is of the form as it is. */
  text: string | null;
  failed: boolean;
  /** The newest result, which is of an earlier form while there is a `text`. */
  result: DryRunResult | null;
}

/** Tries a rule on the stored prices whenever it changes. */
export function useDryRun(form: RuleForm): DryRun {
  const [state, setState] = useState<DryRun>({ text: null, failed: false, result: null });
  const problem = problemOf(form);
  // Words change nothing.
  const key = problem ? null : JSON.stringify(createInput({ ...form, name: '', note: '' }));
  useEffect(() => {
    if (key === null) {
      setState({ text: problem?.message ?? null, failed: false, result: null });
      return;
    }
    const abort = new AbortController();
    setState(({ result }) => ({ text: 'Trying…', failed: false, result }));
    const timer = setTimeout(() => {
      query(DryRunDocument, { input: JSON.parse(key) }, abort.signal).then(
        ({ testAlertRule }) => abort.signal.aborted || setState({ text: null, failed: false, result: testAlertRule }),
        (error: unknown) => {
          if (!abort.signal.aborted) setState({ text: failureText(error), failed: true, result: null });
        },
      );
    }, DELAY);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, problem?.message]);
  return state;
}

const failureText = (error: unknown): string => {
  const field = error instanceof ApiError && error.field ? `${error.field} ` : '';
  return `Cannot be tried: ${field}${messageOf(error)}`;
};
