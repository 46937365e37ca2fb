import { Anchor, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { AuthCard } from './AuthCard';

/** A mailed link that does not work: it lacks its token, or what the text says. */
export function BadLink({ title, text = 'The link is incomplete. Open it from the mail again, or copy it as a whole.' }: { title: string; text?: string }) {
  return (
    <AuthCard
      title={title}
      below={<Anchor renderRoot={(props) => <Link to="/login" {...props} />}>To signing in</Anchor>}
    >
      <Text mt="sm">{text}</Text>
    </AuthCard>
  );
}
