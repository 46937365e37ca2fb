import { ActionIcon, Anchor, Button, Collapse, Group, Menu, Stack, Text, Title, Tooltip, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconChevronDown, IconChevronRight, IconGripVertical, IconPlus, IconTrash } from '@tabler/icons-react';
import { useState, type DragEvent } from 'react';
import { add, byPhase, moveTo, phaseWords, step } from './order';
import classes from './Policies.module.css';
import { SchemaForm } from './SchemaForm';
import { startOf, summaryOf, type Config } from './schema';
import type { Catalogue, Policy } from './usePolicyTypes';

export interface PolicyListProps {
  catalogue: Catalogue;
  gateway: string;
  policies: Policy[];
  onChange: (policies: Policy[]) => void;
  /** What the API says of a pointer into the list: `/0/config/rate`. */
  errorAt: (pointer: string, deep?: boolean) => string | undefined;
  disabled?: boolean;
}

/** The policies in the order in which they run; inside a phase they can be moved. */
export function PolicyList({ catalogue, gateway, policies, onChange, errorAt, disabled = false }: PolicyListProps) {
  const { phaseOf, find } = catalogue;
  const [open, setOpen] = useState<number>();
  const [dragged, setDragged] = useState<number>();
  const [said, setSaid] = useState('');
  const place = (next: Policy[], moved: Policy) => {
    const group = byPhase(next, phaseOf).find((g) => g.phase === phaseOf(moved.type));
    const at = group?.items.findIndex((i) => i.policy === moved) ?? 0;
    setSaid(`${find(moved.type)?.title ?? moved.type} is now ${at + 1} of ${group?.items.length ?? 0} in ${phaseWords[phaseOf(moved.type)].title.toLowerCase()}.`);
  };
  const change = (next: Policy[], moved?: Policy) => {
    const opened = open === undefined ? undefined : policies[open];
    onChange(next);
    if (opened) setOpen(next.includes(opened) ? next.indexOf(opened) : undefined);
    if (moved) place(next, moved);
  };
  const append = (type: string) => {
    const policy: Policy = { type, config: startOf(find(type)?.schema ?? {}) };
    const next = add(policies, policy, phaseOf);
    onChange(next);
    setOpen(next.indexOf(policy));
  };
  return (
    <Stack gap="md">
      {byPhase(policies, phaseOf).map(({ phase, items }) => (
        <section key={phase}>
          <Title order={3} fz="sm">
            {phaseWords[phase].title}{' '}
            <Text span size="sm" c="dimmed" fw={400}>
              {phaseWords[phase].text}
            </Text>
          </Title>
          <ol className={classes.list}>
            {items.map(({ policy, index }, i) => (
              <PolicyRow
                key={index}
                policy={policy}
                index={index}
                only={items.length === 1}
                first={i === 0}
                last={i === items.length - 1}
                opened={open === index}
                onOpen={() => setOpen(open === index ? undefined : index)}
                catalogue={catalogue}
                gateway={gateway}
                disabled={disabled}
                errorAt={(pointer, deep) => errorAt(`/${index}${pointer}`, deep)}
                onConfig={(config) => onChange(policies.map((p, j) => (j === index ? { ...p, config } : p)))}
                onRemove={() => change(policies.filter((_, j) => j !== index))}
                onStep={(by) => change(step(policies, index, by, phaseOf), policy)}
                onDrag={() => setDragged(index)}
                onOver={(event) => {
                  const from = dragged === undefined ? undefined : policies[dragged];
                  if (from && phaseOf(from.type) === phase) event.preventDefault();
                }}
                onDrop={() => {
                  const from = dragged === undefined ? undefined : policies[dragged];
                  if (dragged !== undefined && from) change(moveTo(policies, dragged, index, phaseOf), from);
                  setDragged(undefined);
                }}
              />
            ))}
          </ol>
        </section>
      ))}
      {disabled ? null : <AddPolicy catalogue={catalogue} onAdd={append} />}
      <VisuallyHidden role="status">{said}</VisuallyHidden>
    </Stack>
  );
}

function AddPolicy({ catalogue, onAdd }: { catalogue: Catalogue; onAdd: (type: string) => void }) {
  return (
    <Menu position="bottom-start" width={340} shadow="md">
      <Menu.Target>
        <Button variant="default" leftSection={<IconPlus size={16} aria-hidden />} style={{ alignSelf: 'flex-start' }}>
          Add a policy
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflowY: 'auto' }}>
        {byPhase(catalogue.types.filter((t) => t.phase !== 'integrate'), catalogue.phaseOf).map(({ phase, items }) => (
          <div key={phase} role="group" aria-label={phaseWords[phase].title}>
            <Menu.Label>{phaseWords[phase].title}</Menu.Label>
            {items.map(({ policy: type }) => (
              <Menu.Item key={type.type} onClick={() => onAdd(type.type)}>
                <Text size="sm" fw={550}>
                  {type.title}
                </Text>
                <Text size="xs" c="dimmed">
                  {type.schema.description ?? type.summary}
                </Text>
              </Menu.Item>
            ))}
          </div>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

interface PolicyRowProps {
  policy: Policy;
  index: number;
  only: boolean;
  first: boolean;
  last: boolean;
  opened: boolean;
  onOpen: () => void;
  catalogue: Catalogue;
  gateway: string;
  disabled: boolean;
  errorAt: (pointer: string, deep?: boolean) => string | undefined;
  onConfig: (config: Config) => void;
  onRemove: () => void;
  onStep: (by: -1 | 1) => void;
  onDrag: () => void;
  onOver: (event: DragEvent) => void;
  onDrop: () => void;
}

function PolicyRow(props: PolicyRowProps) {
  const { policy, index, opened, disabled, catalogue, errorAt } = props;
  const type = catalogue.find(policy.type);
  const title = type?.title ?? policy.type;
  const wrong = errorAt('');
  const panel = `policy-${index}`;
  const Chevron = opened ? IconChevronDown : IconChevronRight;
  return (
    <li className={classes.item} onDragOver={props.onOver} onDrop={props.onDrop} data-wrong={wrong ? true : undefined}>
      <Group gap={4} wrap="nowrap" p={6}>
        {disabled || props.only ? null : (
          <span draggable onDragStart={props.onDrag} className={classes.grip} aria-hidden title="Drag to move">
            <IconGripVertical size={16} />
          </span>
        )}
        <UnstyledButton
          className={classes.head}
          aria-expanded={opened}
          aria-controls={panel}
          onClick={props.onOpen}
          onKeyDown={(event) => {
            const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : undefined;
            if (!event.altKey || by === undefined || disabled) return;
            event.preventDefault();
            props.onStep(by);
          }}
        >
          <Chevron size={16} aria-hidden style={{ flex: 'none' }} />
          <span style={{ minWidth: 0 }}>
            <Text span fw={550}>
              {title}
            </Text>
            <Text span size="xs" c={wrong ? 'var(--mantine-color-error)' : 'dimmed'} className="tg-mono" ml="xs">
              {wrong ?? summaryOf(policy.config)}
            </Text>
          </span>
        </UnstyledButton>
        {disabled ? null : (
          <Group gap={2} wrap="nowrap">
            {props.only ? null : (
              <>
                <Tool label={`Move ${title} up`} disabled={props.first} onClick={() => props.onStep(-1)} Icon={IconArrowUp} />
                <Tool label={`Move ${title} down`} disabled={props.last} onClick={() => props.onStep(1)} Icon={IconArrowDown} />
              </>
            )}
            <Tool label={`Remove ${title}`} onClick={props.onRemove} Icon={IconTrash} />
          </Group>
        )}
      </Group>
      <Collapse expanded={opened} id={panel}>
        {opened ? (
          <div className={classes.body}>
            {type ? (
              <>
                <Text size="sm" c="dimmed" mb="md">
                  {type.schema.description}{' '}
                  <Anchor href={`/docs/policies/${type.type}`} underline="always" inherit>
                    How it works
                  </Anchor>
                </Text>
                <SchemaForm
                  schema={type.schema}
                  value={policy.config ?? {}}
                  onChange={props.onConfig}
                  gateway={props.gateway}
                  errorAt={(pointer, deep) => errorAt(`/config${pointer}`, deep)}
                  disabled={disabled}
                />
              </>
            ) : (
              <Text size="sm">This Tollgate has no policy type {policy.type}.</Text>
            )}
          </div>
        ) : null}
      </Collapse>
    </li>
  );
}

function Tool({ label, onClick, disabled, Icon }: { label: string; onClick: () => void; disabled?: boolean; Icon: typeof IconTrash }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={onClick} disabled={disabled}>
        <Icon size={16} aria-hidden />
      </ActionIcon>
    </Tooltip>
  );
}
