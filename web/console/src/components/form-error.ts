import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, messageOf } from '../api/index.ts';
import { capitalized } from '../format/text.ts';

/** What is wrong in a form, and in which field; `field` is null if it is in none. */
export interface FormError<Field extends string> {
  field: Field | null;
  message: string;
}

/** The error of a form. The field that it names gets the focus: set `form` as the `ref` of the form. */
export function useFormError<Field extends string>() {
  const [error, setError] = useState<FormError<Field> | null>(null);
  const form = useRef<HTMLFormElement>(null);
  // Before the browser handles the next key, which is meant for that field.
  useLayoutEffect(() => {
    if (error?.field) form.current?.querySelector<HTMLElement>(`[name="${error.field}"]`)?.focus();
  }, [error]);
  return { form, error, setError };
}

/** Shows a failed request in a form. `fieldOf` finds the field that an error of the API is about. */
export function formErrorOf<Field extends string>(
  failure: unknown,
  fieldOf: (error: ApiError) => Field | null,
): FormError<Field> {
  return { field: failure instanceof ApiError ? fieldOf(failure) : null, message: capitalized(messageOf(failure)) };
}
