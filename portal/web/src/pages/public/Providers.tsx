import { Button, Divider, Stack } from '@mantine/core';
import { IconBrandGithub, IconLogin2 } from '@tabler/icons-react';
import { $api } from '@/api/client';

/** The buttons of the sign-in providers that the operator set up; nothing where there are none. */
export function Providers({ returnTo, verb }: { returnTo: string; verb: string }) {
  const { data } = $api.useQuery('get', '/v1/login/providers', undefined, { staleTime: 10 * 60_000 });
  if (!data || data.items.length === 0) return null;
  return (
    <>
      <Stack gap="xs">
        {data.items.map((provider) => (
          <Button
            key={provider.name}
            component="a"
            variant="default"
            fullWidth
            href={`${provider.url}?return_to=${encodeURIComponent(returnTo)}`}
            leftSection={provider.kind === 'github' ? <IconBrandGithub size={18} aria-hidden /> : <IconLogin2 size={18} aria-hidden />}
          >
            {verb} {provider.title}
          </Button>
        ))}
      </Stack>
      <Divider label="or" labelPosition="center" my="md" />
    </>
  );
}
