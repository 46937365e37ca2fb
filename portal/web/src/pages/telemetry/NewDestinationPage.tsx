import { useNavigate } from '@tanstack/react-router';
import { api } from '@/api/client';
import { refresh } from '@/api/queries';
import { done, PageHeader, useApiForm } from '@/ui';
import { DestinationEditor } from './DestinationEditor';
import { byRow, formOf, inputOf, validate, type DestinationForm } from './form';

export default function NewDestinationPage() {
  const navigate = useNavigate();
  const editor = useApiForm<DestinationForm>({
    initialValues: formOf(),
    validate,
    save: async (values) => {
      try {
        await api.POST('/v1/telemetry/destinations', { body: inputOf(values) });
      } catch (error) {
        throw byRow(error, values);
      }
      await refresh('/v1/telemetry/destinations');
      done('What comes from now on is sent there. A test shows whether it arrives.');
      await navigate({ to: '/organization/telemetry/$name', params: { name: values.name } });
    },
  });
  return (
    <>
      <PageHeader title="New destination" description="Where telemetry goes, and what of it." docs="/docs/observability#sent-to-you" />
      <DestinationEditor {...editor} action="Save the destination" />
    </>
  );
}
