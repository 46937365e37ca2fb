import { Menu, UnstyledButton } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { IconDevices, IconLogout, IconShieldLock, IconUser } from '@tabler/icons-react';
import { api } from '@/api/client';
import { forgetUser, useMe } from '@/api/session';
import { failed } from '@/ui/notify';
import { SchemeSwitch } from './SchemeSwitch';
import classes from './Shell.module.css';

/** Who is signed in, with the pages of the account and the way out. */
export function AccountMenu() {
  const me = useMe();
  const navigate = useNavigate();
  const leave = async () => {
    try {
      await api.POST('/v1/logout');
    } catch (error) {
      return failed(error);
    }
    await navigate({ to: '/login' });
    forgetUser();
  };
  return (
    <div className={classes.account}>
      <Menu position="top-start" width={240}>
        <Menu.Target>
          <UnstyledButton className={classes.link} style={{ flex: 1, minWidth: 0 }} aria-label={`Account of ${me?.user.email ?? ''}`}>
            <IconUser size={17} aria-hidden />
            <span className={classes.who}>{me?.user.email ?? ' '}</span>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconUser size={16} aria-hidden />} renderRoot={(props) => <Link to="/account/profile" {...props} />}>
            Profile
          </Menu.Item>
          <Menu.Item leftSection={<IconShieldLock size={16} aria-hidden />} renderRoot={(props) => <Link to="/account/security" {...props} />}>
            Sign-in and security
          </Menu.Item>
          <Menu.Item leftSection={<IconDevices size={16} aria-hidden />} renderRoot={(props) => <Link to="/account/sessions" {...props} />}>
            Sessions
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => void leave()}>
            Sign out
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <SchemeSwitch />
    </div>
  );
}
