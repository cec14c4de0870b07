import { Switch } from '../../components/Switch.tsx';
import {
  canNotify,
  notificationsOn,
  notificationsProblem,
  soundOn,
  switchNotifications,
  switchSound,
} from './notify.ts';

/** How the user learns of new alerts while doing something else. */
export const NotifySwitches = () => (
  <div class="notify-switches">
    <Switch
      label="Desktop notifications"
      isLabelShown
      checked={notificationsOn.value}
      disabled={!canNotify}
      onChange={(isOn) => void switchNotifications(isOn)}
    />
    <Switch label="Sound" isLabelShown checked={soundOn.value} onChange={switchSound} />
    {notificationsProblem.value && <span class="muted" role="status">{notificationsProblem.value}</span>}
  </div>
);
