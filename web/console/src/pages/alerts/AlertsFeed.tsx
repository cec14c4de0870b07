import { useEffect, useState } from 'preact/hooks';
import { navigate } from '../../router/router.ts';
import { Announcer } from './announcer.ts';
import { listenToAlerts, startFeed } from './feed.ts';
import { notify } from './notify.ts';

/** Milliseconds between two spoken sentences. */
const SPOKEN_INTERVAL = 5000;
/** How many sentences the log keeps. */
const LOG_LENGTH = 20;

/** Follows the alerts on every page: speaks them, and notifies of them if the user wants that. */
export function AlertsFeed() {
  const [spoken, setSpoken] = useState<readonly { key: number; text: string }[]>([]);
  useEffect(() => {
    let key = 0;
    const announcer = new Announcer((text) => {
      key += 1;
      setSpoken((before) => [...before, { key, text }].slice(-LOG_LENGTH));
    }, SPOKEN_INTERVAL);
    const stopListening = listenToAlerts({
      fired(alert) {
        announcer.add(alert.message);
        notify(alert, () => navigate('/alerts'));
      },
    });
    const stopFeed = startFeed();
    return () => {
      stopListening();
      stopFeed();
    };
  }, []);
  return (
    <div role="log" aria-label="New alerts" class="visually-hidden">
      {spoken.map(({ key, text }) => <p key={key}>{text}</p>)}
    </div>
  );
}
