"""Adam in one pass over memory."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="sedcore")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with TensorFlow's fused kernel: the same numbers, the same variables.

    Keras computes the step in some ten operations that each read and write a tensor of the weights' size; for a large
    dense layer that is most of a training step's time. The kernel reads gradient, moments and weights once
    (https://www.tensorflow.org/api_docs/python/tf/raw_ops/ResourceApplyAdam). On another backend, on
    several devices and with `amsgrad` the parent's step is used.

    The moving average of the weights forgets the initial weights sooner than Keras': the share of the old average is
    t / (t + 9) after step t, counted from 0, until that exceeds `ema_momentum` (the rule of
    https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage). Otherwise a short training, or one on
    few clips, would be scored with weights that have hardly learned.
    """

    def _update_model_variables_moving_average(self, trainable_variables):
        if not self.use_ema:
            return
        step = keras.ops.cast(self.iterations, "float32")
        old = keras.ops.minimum(step / (step + 9), self.ema_momentum)
        for variable, average in zip(trainable_variables, self._model_variables_moving_average):
            average.assign(average + (variable - average) * keras.ops.cast(1 - old, average.dtype))

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
