/* What TensorRT's Python bindings link against, doing nothing: enough to import them and read names and signatures
 * where the libraries can't be installed. One file serves all three libraries. */

#define STAND_IN(symbol) \
    void *symbol(void)   \
    {                    \
        return (void *)0; \
    }

/* libnvinfer */
STAND_IN(createInferBuilder_INTERNAL)
STAND_IN(createInferRefitter_INTERNAL)
STAND_IN(createInferRuntime_INTERNAL)
STAND_IN(getBuilderPluginRegistry)
STAND_IN(getPluginRegistry)

/* libnvinfer_plugin */
STAND_IN(initLibNvInferPlugins)

/* libnvonnxparser */
STAND_IN(createNvOnnxParser_INTERNAL)
STAND_IN(createNvOnnxParserRefitter_INTERNAL)
STAND_IN(getNvOnnxParserVersion)
