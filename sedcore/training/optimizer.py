"""Adam in one pass over memory."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="sedcore")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with TensorFlow's fused kernel: the same numbers, the same variables.

    Keras writes the step as some ten operations, each of which reads and writes a tensor of the size of the weights;
    of a large dense layer that is most of the time of a training step. The kernel reads gradient, moments and weights
    once (https://www.tensorflow.org/api_docs/python/tf/raw_ops/ResourceApplyAdam). On another backend, on several
    devices and with `amsgrad` it is the parent.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Apply a gradient to a variable of its shape."""
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        import tensorflow as tf

        if tf.distribute.has_strategy() or isinstance(gradient, tf.IndexedSlices):
            return super().update_step(gradient, variable, learning_rate)
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, variable.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, variable.dtype), step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=tf.cast(self.beta_1, variable.dtype),
            beta2=tf.cast(self.beta_2, variable.dtype),
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=gradient,
        )
