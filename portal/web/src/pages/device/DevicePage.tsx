import { Alert, Button, Stack, TextInput } from '@mantine/core';
import { IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import { useState } from 'react';
import { $api } from '@/api/client';
import { asProblem } from '@/api/problem';
import { useMay, useMembership } from '@/api/session';
import { EmptyState, ErrorState, PageHeader, PanelSkeleton, useSearchParams } from '@/ui';
import { TextLink } from '@/ui/LinkTo';
import { readCode } from './code';
import { Decide } from './Decide';

/** Where a command line is let in by the code that it shows (RFC 8628). */
export default function DevicePage() {
  const [search, change] = useSearchParams();
  const [done, setDone] = useState<'allow' | 'deny'>();
  const code = readCode(search.code);
  const organization = useMembership()?.organization.name ?? '';
  if (done) {
    const allowed = done === 'allow';
    return (
      <>
        <PageHeader title={allowed ? 'The command line is signed in' : 'The sign-in was denied'} />
        <EmptyState
          title={allowed ? 'Back to your terminal' : 'Nothing was let in'}
          icon={allowed ? <IconCircleCheck size={32} /> : <IconCircleX size={32} />}
        >
          {allowed ? (
            <>
              It goes on there within a few seconds; you can close this page. Its token is among the{' '}
              <TextLink to="/organization/tokens">management tokens</TextLink> of {organization}, where you can delete it at any time.
            </>
          ) : (
            'The command line is told so. If you did not begin it, somebody else has: nothing happened to your account.'
          )}
        </EmptyState>
      </>
    );
  }
  return (
    <>
      <PageHeader
        title="Sign in a command line"
        description={
          <>
            <span className="tg-mono">tollgate login</span> shows a code in the terminal. Enter it here to see who asks, and let it in.
          </>
        }
        docs="/docs/cli#signing-in"
      />
      {code ? (
        <Found key={code} code={code} onDone={setDone} other={() => change({ code: undefined })} />
      ) : (
        <Enter wrong={search.code} onCode={(typed) => change({ code: typed })} />
      )}
    </>
  );
}

function Enter({ wrong, onCode }: { wrong: string | undefined; onCode: (code: string) => void }) {
  const [typed, setTyped] = useState(wrong ?? '');
  const [bad, setBad] = useState(wrong !== undefined);
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const code = readCode(typed);
        setBad(!code);
        if (code) onCode(code);
      }}
    >
      <Stack maw="26rem">
        <TextInput
          label="Code"
          description="Eight letters, such as BCDF-GHJK"
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          maxLength={32}
          classNames={{ input: 'tg-mono' }}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          error={bad ? 'This is no code: it has eight letters, none of them a vowel.' : undefined}
        />
        <div>
          <Button type="submit">Continue</Button>
        </div>
      </Stack>
    </form>
  );
}

function Found({ code, onDone, other }: { code: string; onDone: (decision: 'allow' | 'deny') => void; other: () => void }) {
  const may = useMay('tokens:write');
  const role = useMembership()?.role;
  const asked = $api.useQuery('get', '/v1/login/device/{user_code}', { params: { path: { user_code: code } } }, { retry: false, staleTime: Infinity });
  const again = (
    <Button variant="default" onClick={other}>
      Enter another code
    </Button>
  );
  if (asked.error) {
    if (asProblem(asked.error).status !== 404) return <ErrorState error={asked.error} retry={() => void asked.refetch()} actions={again} />;
    return (
      <EmptyState title={`No sign-in waits under ${code}`} action={again}>
        The code is mistyped, was used already, or is older than 10 minutes. Begin again in the terminal: <span className="tg-mono">tollgate login</span> shows a new one.
      </EmptyState>
    );
  }
  if (!asked.data) return <PanelSkeleton />;
  if (!may) {
    return (
      <Alert color="amber" title="Your role can’t let it in">
        A command line needs a management token, and as {role} you may not make any in this organization. Ask an admin for another role, or choose another organization.
      </Alert>
    );
  }
  return <Decide asked={asked.data} onDone={onDone} />;
}
