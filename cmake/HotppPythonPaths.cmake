# Where this Python keeps its packages. A build-isolated pip hides site-packages from `import`, but the
# files are there: looking at the path keeps torch (gigabytes) out of the build requirements.
execute_process(
  COMMAND "${Python_EXECUTABLE}" -c "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('data'))"
  OUTPUT_VARIABLE _paths OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" _paths "${_paths}")
list(GET _paths 0 HOTPP_SITE_PACKAGES)
list(GET _paths 1 HOTPP_ENVIRONMENT_PREFIX)
