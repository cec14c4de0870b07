import { DialogHost } from '../components/Dialog.tsx';
import { MenuHost } from '../components/Menu.tsx';
import { MessageHost } from '../components/message.tsx';
import { AlertsFeed } from '../pages/alerts/AlertsFeed.tsx';
import { Banner } from './Banner.tsx';
import { CurrentPage } from './routes.tsx';
import { useGlobalShortcuts } from './global-shortcuts.tsx';
import { SignInDialog } from './SignInDialog.tsx';

/** The frame of every page. */
export function App() {
  useGlobalShortcuts();
  return (
    <>
      <a class="skip" href="#main" onClick={focusMain}>Skip to content</a>
      <Banner />
      <main id="main" tabIndex={-1}>
        <CurrentPage />
        <MenuHost />
      </main>
      <AlertsFeed />
      <MessageHost />
      <DialogHost />
      <SignInDialog />
    </>
  );
}

/** Without changing the address, which names the page. */
function focusMain(event: Event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
