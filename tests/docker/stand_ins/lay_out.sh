# Puts the stand-ins where NVIDIA's container has what they stand in for.
packages=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
triton="$packages/pytriton/tritonserver"
minor=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
mkdir -p /opt/tritonserver/bin /opt/tritonserver/backends /usr/src/tensorrt/bin
cp -r "$triton/backends/python" /opt/tritonserver/backends/python
cp "$triton/python_backend_stubs/$minor/triton_python_backend_stub" /opt/tritonserver/backends/python/
chmod 755 /opt/tritonserver/backends/python/triton_python_backend_stub
cp -r /opt/stand_in/tensorrt /opt/tritonserver/backends/tensorrt
ln -s "$triton/bin/tritonserver" /opt/stand_in/pip-tritonserver
ln -s "$packages/nvidia_pytriton.libs" /opt/stand_in/libraries
for program in /opt/tritonserver/bin/tritonserver:tritonserver /usr/src/tensorrt/bin/trtexec:trtexec /usr/bin/nvidia-smi:nvidia_smi; do
  printf '#!/bin/sh\nexec python3 /opt/stand_in/%s.py "$@"\n' "${program#*:}" >"${program%:*}"
  chmod 755 "${program%:*}"
done
