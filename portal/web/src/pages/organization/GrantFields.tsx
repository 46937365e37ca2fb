import { Checkbox, Fieldset, Radio, Stack } from '@mantine/core';
import type { useApiForm } from '@/ui';
import { type Kind, offered } from './scopes';

type InputProps = ReturnType<ReturnType<typeof useApiForm>['form']['getInputProps']>;

/** What a management token may do: all, to look, or chosen permissions. */
export function GrantFields({ held, kind, kindProps, scopesProps }: { held: Parameters<typeof offered>[0]; kind: Kind; kindProps: InputProps; scopesProps: InputProps }) {
  return (
    <>
      <Radio.Group label="It may" {...kindProps}>
        <Stack gap={8} mt={6}>
          <Radio value="read" label="Look at everything that you may see" />
          <Radio value="all" label="Do everything that you may do, now and later" />
          <Radio value="some" label="Do only what you choose" />
        </Stack>
      </Radio.Group>
      {kind === 'some' ? (
        <Checkbox.Group aria-label="Permissions" {...scopesProps}>
          <Stack gap="sm">
            {offered(held).map((group) => (
              <Fieldset key={group.title} legend={group.title} p="sm">
                <Stack gap={8}>
                  {group.permissions.map((p) => (
                    <Checkbox key={p.name} value={p.name} label={p.text} description={<span className="tg-mono">{p.name}</span>} />
                  ))}
                </Stack>
              </Fieldset>
            ))}
          </Stack>
        </Checkbox.Group>
      ) : null}
    </>
  );
}
