import { Anchor, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { AuthCard } from './AuthCard';

/** A mailed link that lacks its token. */
export function BadLink({ title }: { title: string }) {
  return (
    <AuthCard
      title={title}
      below={<Anchor renderRoot={(props) => <Link to="/login" {...props} />}>To signing in</Anchor>}
    >
      <Text mt="sm">The link is incomplete. Open it from the mail again, or copy it as a whole.</Text>
    </AuthCard>
  );
}
