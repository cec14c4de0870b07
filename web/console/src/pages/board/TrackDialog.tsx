import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../api/index.ts';
import { Combobox, type Option } from '../../components/Combobox.tsx';
import { Dialog } from '../../components/Dialog.tsx';
import { track } from '../../stocks/actions.ts';
import { searchSymbols, type SymbolMatch } from '../../stocks/search-symbols.ts';
import { skippedText } from '../../stocks/skipped.ts';

/** Searches are few a minute for each provider. */
const SEARCH_DELAY = 400;

const optionOf = ({ symbol, name, exchange, currency, tracked }: SymbolMatch): Option => ({
  id: symbol,
  label: symbol,
  detail: [name, exchange, currency, tracked ? 'tracked' : null].filter(Boolean).join(' · '),
});

/** Finds a symbol and tracks it. A symbol that was not found can be entered, too. */
export function TrackDialog({ onClose }: { onClose(): void }) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState('');
  const [error, setError] = useState<string | null>(null);
  const [waiting, setWaiting] = useState(false);
  const { options, hint } = useSearch(text === chosen ? '' : text.trim());

  async function submit(event: Event) {
    event.preventDefault();
    const symbol = text.trim().toUpperCase();
    if (waiting) return;
    if (symbol === '') return setError('Enter a symbol');
    setWaiting(true);
    try {
      if (await track(symbol)) onClose();
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setWaiting(false);
    }
  }

  return (
    <Dialog title="Track a stock" onClose={onClose}>
      <form onSubmit={submit}>
        <Combobox
          label="Symbol or name"
          placeholder="AAPL"
          value={text}
          onInput={(value) => {
            setText(value);
            setError(null);
          }}
          options={options}
          onChoose={({ label }) => {
            setText(label);
            setChosen(label);
          }}
          error={error}
          hint={hint}
        />
        <div class="actions">
          <button type="submit" class="primary" aria-busy={waiting}>{waiting ? 'Tracking…' : 'Track'}</button>
          <button type="button" onClick={onClose}>Cancel</button>
        </div>
      </form>
    </Dialog>
  );
}

interface Found {
  options: Option[];
  hint: string | null;
}

const NOTHING: Found = { options: [], hint: null };

/** What is found for a text, shortly after it was last changed. */
function useSearch(text: string): Found {
  const [found, setFound] = useState(NOTHING);
  useEffect(() => {
    if (text === '') {
      setFound(NOTHING);
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      searchSymbols(text, abort.signal).then(
        ({ matches, skipped }) => {
          setFound({ options: matches.map(optionOf), hint: skippedText(skipped) });
        },
        (failure: unknown) => abort.signal.aborted || setFound({ options: [], hint: messageOf(failure) }),
      );
    }, SEARCH_DELAY);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);
  return found;
}

