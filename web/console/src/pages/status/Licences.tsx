import { useEffect, useState } from 'preact/hooks';
import type { Licence } from './licence.ts';

/** The licences of what the console is made of. */
export function Licences() {
  const [licences, setLicences] = useState<readonly Licence[]>([]);
  useEffect(() => {
    import('./licence-texts.ts').then(
      (loaded) => setLicences(loaded.licences),
      () => {
        // Offline: the rest of the page matters more.
      },
    );
  }, []);
  return (
    <section class="licences" aria-label="Licences">
      <h2>Licences</h2>
      <p class="muted">The console contains these packages.</p>
      <ul>
        {licences.map((it) => <li key={`${it.name}@${it.version}`}><Item licence={it} /></li>)}
      </ul>
    </section>
  );
}

const Item = ({ licence: { name, version, licence, link, notice, text } }: { licence: Licence }) => (
  <>
    <details>
      <summary>{name} {version}, {licence}</summary>
      <pre tabIndex={0}>{text}</pre>
    </details>
    {notice && <p class="licence-notice">{notice}</p>}
    {link && notice && <a href={link} rel="noreferrer">{link}</a>}
  </>
);
